"""Convert JSON to typed objects, with the errors of msgspec, which name the place; JSON Schema.

A type is a `msgspec.Struct` or a dataclass whose annotations hold ranges and descriptions
(`Annotated[int, msgspec.Meta(ge=1, le=8, description="...")]`). `decode` and `convert` turn plain
data into it, `check_fields` checks a dataclass constructed in Python, and `json_schema` returns the
schema with which editors complete and check such files.

Never form a union of a tuple of fixed length and a type with a range, as in
`Annotated[int, Meta(ge=1)] | tuple[int, int]`: msgspec (0.22) crashes at the next garbage
collection. Give a tuple of any length a `Meta(min_length=2, max_length=2)` instead.
"""

from __future__ import annotations

import dataclasses
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, get_type_hints

import msgspec

from neurodeploy.models.errors import InputError
from neurodeploy.models.files import check_file

T = TypeVar("T")

SHOWN_MAX: Final = 60
"""Length limit of a value in a message."""


def read(path: Path, kind: type[T], *, way_out: str) -> T:
    """Read a JSON file as `kind`; see `parse` and `convert`.

    Args:
        path: path of the file, UTF-8.
        kind: the type to convert to.
        way_out: ends the message if the file cannot be read, such as "give a cost file".

    Raises:
        InputError: names the file, the place in it and what is expected.
    """
    return decode(read_text(path, way_out=way_out), kind, str(path))


def read_text(path: Path, *, way_out: str) -> str:
    """Return the text of a UTF-8 file, without a byte order mark.

    Raises:
        InputError: when the file does not exist, cannot be read or is not UTF-8.
    """
    check_file(path, way_out)
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}); {way_out}") from None


def decode(content: str | bytes, kind: type[T], where: str) -> T:
    """Parse JSON and convert it to `kind`; see `parse` and `convert`."""
    return convert(parse(content, where), kind, where)


def parse(content: str | bytes, where: str) -> Any:
    """Return the value of a JSON text.

    Args:
        content: the text, with or without a byte order mark.
        where: how messages name the text, such as the path of its file.

    Raises:
        InputError: when it is not JSON, is nested too deeply, or has a duplicate key.
    """
    text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
    try:
        json.loads(text, object_pairs_hook=_check_keys)  # names line and column of a mistake
        return msgspec.json.decode(text)  # refuses NaN, 1e999 and half a character
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is not JSON ({error}); correct it there") from None


def _check_keys(pairs: list[tuple[str, Any]]) -> None:
    """Raise ValueError for a duplicate key."""
    keys = [key for key, _ in pairs]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise ValueError(f"an object has the key {twice[0]!a} twice")


def convert(values: Any, kind: type[T], where: str = "") -> T:
    """Convert plain data to `kind`.

    Args:
        values: dicts, lists, strings and numbers; the top-level key "$schema" is ignored.
        kind: the type; unknown fields are refused.
        where: how messages name the data, such as the path of a file.

    Raises:
        InputError: with msgspec's message, which names the place and what is expected.
    """
    if isinstance(values, dict) and "$schema" in values:
        values = {key: value for key, value in values.items() if key != "$schema"}
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise InputError(_sentence(error, values, where)) from None


def _sentence(error: msgspec.ValidationError, values: Any, where: str) -> str:
    """Return msgspec's message after the place that it names and the value there."""
    text, of_key, path = re.fullmatch(
        r"(.*?)(?: - at (`key` in )?`\$\.?(.*)`)?", str(error), re.DOTALL
    ).groups("")  # type: ignore[union-attr]  # the text before the place is arbitrary
    place = ": ".join(part for part in (where, path) if part) or "it"
    if isinstance(error.__cause__, InputError):
        return text if place == "it" else f"{place}: {text}"
    expected = f"{text[:1].lower()}{text[1:]}"
    if of_key or text.startswith("Object") or "..." in path:  # [...] is any key of a dict
        return f"{place} has {'a wrong key' if of_key else 'a fault'}: {expected}; correct it"
    for step in re.findall(r"[^.\[\]]+", path):
        values = values[step if isinstance(values, dict) else int(step)]
    return f"{place} is {shown(values)}; {expected}"


def check_fields(thing: Any) -> None:
    """Check the fields of a frozen dataclass against their annotations, in its `__post_init__`.

    Lists are converted to tuples where annotated so.

    Raises:
        InputError: names the field and what is expected.
    """
    kind: Any = type(thing)
    struct: Any = fields_of(kind)
    checked = convert({name: getattr(thing, name) for name in struct.__struct_fields__}, struct)
    for name in struct.__struct_fields__:
        object.__setattr__(thing, name, getattr(checked, name))


_NO_DEFAULT: Final = (None, dataclasses.MISSING)


@lru_cache
def fields_of(kind: Any, *, optional: bool = False) -> type[msgspec.Struct]:
    """Return a Struct type with the fields of a dataclass.

    Args:
        kind: the dataclass.
        optional: make every field optional, `msgspec.UNSET` by default.
    """
    hints = get_type_hints(kind, include_extras=True)
    fields: list[Any] = []
    for each in dataclasses.fields(kind):
        hint: Any = hints[each.name]
        if optional:
            meta = msgspec.Meta(extra_json_schema={"default": each.default})
            hint = Annotated[hint, meta] if each.default not in _NO_DEFAULT else hint
            fields.append((each.name, hint | msgspec.UnsetType, msgspec.UNSET))
        else:
            fields.append((each.name, hint))
    return msgspec.defstruct(
        kind.__name__, fields, namespace={"__doc__": kind.__doc__}, forbid_unknown_fields=True,
        frozen=True,
    )  # fmt: skip


def fields_set(struct: msgspec.Struct) -> dict[str, Any]:
    """Return the fields of a Struct that are set."""
    values = {name: getattr(struct, name) for name in struct.__struct_fields__}
    return {name: value for name, value in values.items() if value is not msgspec.UNSET}


def json_schema(kind: Any) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a type.

    Descriptions come from docstrings: of types from the first line, of fields from "Attributes".
    """
    schema = msgspec.json.schema(kind)
    for each in schema["$defs"].values():
        attributes = attributes_of(each.get("description", ""))
        each["description"] = each.get("description", "").partition("\n")[0]
        for name, field in each.get("properties", {}).items():
            if name in attributes:
                field.setdefault("description", attributes[name])
    if "$ref" in schema:
        root = schema["$defs"][schema["$ref"].rpartition("/")[2]]
        root["properties"]["$schema"] = {"type": "string", "description": "Where this schema is."}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def attributes_of(docstring: str) -> dict[str, str]:
    """Return the entries of the section "Attributes" of a docstring by name."""
    _, _, section = docstring.partition("Attributes:\n")
    section = re.split(r"\n\s*\n", section)[0]
    entries = re.split(r"^ {4,8}(?=\w+: )", section, flags=re.MULTILINE)
    pairs = (" ".join(entry.split()).partition(": ") for entry in entries)
    return {name: f"{text[:1].upper()}{text[1:]}" for name, _, text in pairs if name}


def shown(value: Any) -> str:
    """Return a value as short text for messages, as JSON if possible."""
    if isinstance(value, (dict, list, tuple)) and len(value) > 3:
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 3]}..."
