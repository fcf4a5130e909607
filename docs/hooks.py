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
        fields = each.get("properties")
        if not fields:
            continue
        defaults = {field: _default(value) for field, value in fields.items()}
        missing = "required" if any(defaults.values()) else ""
        defaults |= dict.fromkeys(each.get("required", ()), missing)
        named = any(defaults.values())
        yield f"### {_title(each.get('title', title))}\n\n{each.get('description', '')}\n"
        yield f"| field | type |{' default |' * named} meaning |\n|---|---|---|{'---|' * named}"
        for field, value in fields.items():
            default = f" {defaults[field]} |" * named
            yield f"| `{field}` | {_type(value)} |{default} {_cell(value.get('description', ''))} |"
        yield ""


def _default(value: dict[str, Any]) -> str:
    """Return a default as code, or nothing for one that is long or the only value there is."""
    shown = json.dumps(value.get("default"))
    if "default" not in value or len(shown) > 30 or len(value.get("enum", "..")) == 1:
        return ""
    return f"`{shown}`"


def _title(name: str) -> str:
    """Return the name of an object; `Energy[Band]` and `Energy_Band_` are "Energy of Band"."""
    return re.sub(r"[\[_]([A-Za-z]+)[\]_]$", r" of \1", name)


def _type(value: dict[str, Any]) -> str:
    """Return the type of a value in words, with its range."""
    if "$ref" in value:
        title = _title(value["$ref"].rpartition("/")[2])
        return f"[{title}](#{title.lower().replace(' ', '-')})"
    for many in ("anyOf", "oneOf"):
        if many in value:
            return " or ".join(dict.fromkeys(_type(each) for each in value[many]))
    if "enum" in value:
        return ", ".join(f"`{json.dumps(each)}`" for each in value["enum"])
    if value.get("type") == "array":
        items = value.get("prefixItems") or [value.get("items") or {}]
        return f"list of {', '.join(dict.fromkeys(_type(each) for each in items))}"
    if isinstance(value.get("additionalProperties"), dict):
        return f"object of {_type(value['additionalProperties'])}"
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
