"""What mkdocs generates: the commands from their parsers, the file formats from their schemas.

A page says where with a comment: `<!-- commands -->`, `<!-- schema: network.json -->`, or
`<!-- include: CHANGELOG.md -->` for a file of the root folder, without its title.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

DOCS = Path(__file__).parent


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the comments of a page by what they name; mkdocs calls this for every page."""
    markdown = markdown.replace("<!-- commands -->", commands())
    markdown = re.sub(r"<!-- include: (\S+) -->", lambda found: included(found[1]), markdown)
    return re.sub(r"<!-- schema: (\S+) -->", lambda found: schema(found[1]), markdown)


def included(name: str) -> str:
    """Return a file of the root folder without its first line."""
    text = (DOCS.parent / name).read_text(encoding="utf-8").partition("\n")[2]
    return text.replace("](docs/", "](")


class _Found(BaseException):
    """Carries the parser out of a command before it does anything."""


def parser_of(main: Any) -> argparse.ArgumentParser:
    """Return the parser of a command, without running the command."""

    def stop(parser: argparse.ArgumentParser, *_: Any) -> Any:
        raise _Found(parser)

    with mock.patch.object(argparse.ArgumentParser, "parse_args", stop):
        try:
            main([])
        except _Found as found:
            return found.args[0]
    raise TypeError(f"{main.__module__} parses no options")


def commands() -> str:
    """Return a section per command: what it does and its options."""
    from neurodeploy.__main__ import COMMANDS, module

    return "\n".join(_command(name, module(name).main) for name in COMMANDS)


def _command(name: str, main: Any) -> str:
    parser = parser_of(main)
    text = f"## {name}\n\n`python -m neurodeploy.{name}` or `neurodeploy {name}`\n\n"
    text += f"{parser.description}\n\n| option | meaning |\n|---|---|\n"
    formatter = parser._get_formatter()
    for action in parser._actions:
        # argparse has no public way to the text that its help shows
        if action.help == argparse.SUPPRESS:
            continue
        shown = formatter._expand_help(action)
        text += f"| {_option(action)} | {_cell(shown)} |\n"
    return text


def _option(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"`{action.metavar or action.dest}`"
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    if action.choices is not None and action.metavar is None:
        value = f" {{{','.join(map(str, action.choices))}}}"
    return ", ".join(f"`{word}{value}`" for word in action.option_strings)


def schema(name: str) -> str:
    """Return a table of fields per object of a JSON Schema in docs/schemas."""
    root = json.loads((DOCS / "schemas" / name).read_text(encoding="utf-8"))
    return "\n".join(_tables(root))


def _tables(root: dict[str, Any]) -> Iterator[str]:
    for title, each in ({"": root} | root.get("$defs", {})).items():
        if "properties" not in each:
            continue
        yield f"### {title or each.get('title', '')}\n\n{each.get('description', '')}\n"
        yield "| field | type | default | meaning |\n|---|---|---|---|"
        for field, value in each["properties"].items():
            default = "required" if field in each.get("required", ()) else ""
            if "default" in value:
                default = f"`{json.dumps(value['default'])}`"
            meaning = _cell(value.get("description", ""))
            yield f"| `{field}` | {_type(value)} | {default} | {meaning} |"
        yield ""


def _type(value: dict[str, Any]) -> str:
    """Return the type of a value in words, with its range."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for many in ("anyOf", "oneOf"):
        if many in value:
            return " or ".join(dict.fromkeys(_type(each) for each in value[many]))
    if "enum" in value or "const" in value:
        return ", ".join(
            f"`{json.dumps(each)}`" for each in value.get("enum", [value.get("const")])
        )
    if value.get("type") == "array":
        items = value.get("prefixItems") or [value.get("items") or {}]
        return f"list of {', '.join(dict.fromkeys(_type(each) for each in items))}"
    return " ".join([str(value.get("type", "any value")), *_limits(value)])


def _limits(value: dict[str, Any]) -> Iterator[str]:
    words = {
        "minimum": "from", "exclusiveMinimum": "over", "maximum": "to", "exclusiveMaximum": "below",
    }  # fmt: skip
    for key, word in words.items():
        if key in value:
            yield f"{word} {value[key]:g}"


def _cell(text: str) -> str:
    """Return text that may stand in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
