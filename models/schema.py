"""Convert JSON to typed objects, with errors that name the position in the file; JSON Schema.

A type is a `msgspec.Struct` or a dataclass whose annotations hold ranges and descriptions
(`Annotated[int, msgspec.Meta(ge=1, le=8, description="...")]`). `decode` and `convert` turn plain
data into it, `check_fields` checks a dataclass constructed in Python, and `json_schema` returns the
schema with which editors complete and check such files.

Never form a union of a tuple of fixed length and a type with a range, as in
`Annotated[int, Meta(ge=1)] | tuple[int, int]`: msgspec (0.22) crashes at the next garbage
collection. Give a tuple of any length a `Meta(min_length=2, max_length=2)` instead.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, get_type_hints

import msgspec
from msgspec import inspect

from neurodeploy.models.errors import InputError
from neurodeploy.models.files import check_file

T = TypeVar("T")

BYTES_MAX: Final = 1_000_000
"""Size limit of a JSON file."""

DIGITS_MAX: Final = 30
"""Longer integers are out of every range; Python would refuse to print them."""

DEPTH_MAX: Final = 50
"""Limit of lists and objects within each other."""

SHOWN_MAX: Final = 60
"""Length limit of a value in a message."""


def read(path: Path, kind: type[T], *, way_out: str) -> T:
    """Read a JSON file as `kind`; see `parse` and `convert`.

    Args:
        path: path of the file, UTF-8, at most 1 MB.
        kind: the type to convert to.
        way_out: ends the message if the file cannot be read, such as "give a cost file".

    Raises:
        InputError: names the file, the position, the value and the allowed values.
    """
    return decode(read_text(path, way_out=way_out), kind, str(path))


def read_text(path: Path, *, way_out: str) -> str:
    """Return the text of a UTF-8 file of at most 1 MB, without a byte order mark.

    Raises:
        InputError: when the file does not exist, cannot be read, is too large or is not UTF-8.
    """
    check_file(path, way_out)
    try:
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); {way_out}") from None
    if len(content) > BYTES_MAX:
        raise InputError(f"{path} has more than {BYTES_MAX:,} bytes; {way_out}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text (byte {error.start}); {way_out}") from None


def decode(content: str | bytes, kind: type[T], where: str) -> T:
    """Parse JSON and convert it to `kind`; see `parse` and `convert`."""
    return convert(parse(content, where), kind, where)


def parse(content: str | bytes, where: str) -> Any:
    """Return the value of a JSON text.

    Args:
        content: the text, with or without a byte order mark.
        where: how messages name the text, such as the path of its file.

    Raises:
        InputError: when it is not JSON, is nested too deeply, or has a duplicate key, NaN or half
            of a character.
    """
    text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
    try:
        values = json.loads(
            text.removeprefix("\ufeff"),
            object_pairs_hook=_Object,
            parse_int=lambda digits: int(digits) if len(digits) <= DIGITS_MAX else float(digits),
            parse_float=_finite,
            parse_constant=_refuse,
        )
    except json.JSONDecodeError as error:
        raise InputError(
            f"{where} is not JSON ({error.msg}, line {error.lineno}, column {error.colno}); "
            "correct it there"
        ) from None
    except _Constant as error:
        raise InputError(f"{where} holds {error}; give a finite number") from None
    except RecursionError:
        raise InputError(f"{where} is nested too deeply; write it with fewer levels") from None
    _check_values(values, where)
    return values


class _Constant(Exception):
    """A number that Python's parser accepts and JSON does not have: NaN, Infinity, 1e999."""


def _refuse(name: str) -> Any:
    raise _Constant(name)


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse(digits[:SHOWN_MAX])


_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class _Object(dict[str, Any]):
    """A JSON object that records its first duplicate key."""

    def __init__(self, pairs: Iterable[tuple[str, Any]]) -> None:
        pairs = list(pairs)
        super().__init__(pairs)
        self.duplicate: str | None = None
        if len(self) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            self.duplicate = next(key for key in self if counts[key] > 1)


def _check_values(value: Any, where: str, path: str = "", depth: int = 0) -> None:
    """Check what Python's parser accepts and a file of ours does not hold."""
    if depth > DEPTH_MAX:
        raise InputError(
            f"{where} is nested too deeply, in more than {DEPTH_MAX} levels; "
            "write it with fewer levels"
        )
    if isinstance(value, _Object):
        if value.duplicate is not None:
            raise InputError(
                f"{_location(where, path)} has {value.duplicate!r} twice; leave one of them"
            )
        for key, each in value.items():
            _check_values(key, where, path)
            _check_values(each, where, f"{path}.{key}", depth + 1)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            _check_values(each, where, f"{path}[{index}]", depth + 1)
    elif isinstance(value, str) and (half := _SURROGATE.search(value)):
        raise InputError(
            f"{_location(where, path)} holds {half[0]!a}, half of a character; "
            "write the character itself"
        )


def convert(values: Any, kind: type[T], where: str = "") -> T:
    """Convert plain data to `kind`.

    Args:
        values: dicts, lists, strings and numbers; the top-level key "$schema" is ignored.
        kind: the type; unknown fields are refused.
        where: how messages name the data, such as the path of a file.

    Raises:
        InputError: names the position, the value and the allowed values.
    """
    if isinstance(values, dict) and "$schema" in values:
        values = {key: value for key, value in values.items() if key != "$schema"}
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise InputError(_sentence(error, values, kind, where)) from None


def check_fields(thing: Any) -> None:
    """Check the fields of a frozen dataclass against their annotations, in its `__post_init__`.

    Lists are converted to tuples where annotated so.

    Raises:
        InputError: names the field, its value and the allowed values.
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


def _location(where: str, path: str) -> str:
    return ": ".join(part for part in (where, path.removeprefix(".")) if part) or "it"


_PATH: Final = re.compile(r"( - at )?(?P<key>`key` in )?`\$(?P<path>.*)`$")
_TOKEN: Final = re.compile(r"\.([^.\[]+)|\[(\d+)\]|\[\.\.\.\]")


def _sentence(error: msgspec.ValidationError, values: Any, kind: Any, where: str) -> str:
    """Return a validation error as one sentence."""
    text = str(error)
    found = _PATH.search(text)
    of_key = bool(found and found["key"])
    steps = _steps(found["path"] if found else "", values, kind, of_key=of_key)
    if of_key:
        *steps, key = steps
    value, node = values, inspect.type_info(kind)
    for step in steps:
        value, node = value[step], _inner(node, step)
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    location = _location(where, path)
    if isinstance(error.__cause__, InputError):
        return f"{location}: {error.__cause__}" if location != "it" else str(error.__cause__)
    if of_key:
        return f"{location} has the key {shown(key)}; give {allowed(_plain(node).key_type)}"
    if field := re.match(r"Object contains unknown field `(.*?)`", text):
        known = [each.encode_name for each in _plain(node).fields]
        close = get_close_matches(field[1], known, 1)
        way_out = f"did you mean {close[0]!r}?" if close else f"the fields are {', '.join(known)}"
        return f"{location} has the unknown field {field[1]!r}; {way_out}"
    if field := re.match(r"Object missing required field `(.*?)`", text):
        needed = allowed(_inner(node, field[1]))
        return f"{location} has no {field[1]!r}; give {needed}"
    return f"{location} is {shown(value)}; give {allowed(node)}"


def _steps(path: str, values: Any, kind: Any, *, of_key: bool) -> list[Any]:
    """Return the keys and indices of an error path, in which msgspec writes dict keys as [...].

    Such a key is found by converting the data with each of the keys alone.
    """
    steps: list[Any] = []
    trial, names = copy.deepcopy(values), _TOKEN.findall(path) + [("", "")] * of_key
    for name, index in names:
        if name or index:
            steps.append(name or int(index))
            continue
        inner = trial
        for step in steps:
            inner = inner[step]
        items = dict(inner)
        for key, value in items.items():
            inner.clear()
            inner[key] = value
            try:
                msgspec.convert(trial, kind)
            except msgspec.ValidationError:
                break
        steps.append(key)
    return steps


def _plain(node: Any, step: Any = "") -> Any:
    """Return a type without its metadata; for a union the member that can have a key or index."""
    while isinstance(node, inspect.Metadata):
        node = node.type
    if isinstance(node, inspect.UnionType):
        parts = [_plain(each, step) for each in node.types]
        wanted = _LISTS if isinstance(step, int) else _OBJECTS
        node = next((each for each in parts if isinstance(each, wanted)), node)
    return node


_OBJECTS: Final = (inspect.StructType, inspect.DataclassType, inspect.DictType)
_LISTS: Final = (inspect.CollectionType, inspect.TupleType)


def _inner(node: Any, step: Any) -> Any:
    """Return the type of one field, item or dict value."""
    node = _plain(node, step)
    if isinstance(node, inspect.DictType):
        return node.value_type
    if isinstance(node, inspect.TupleType):
        return node.item_types[step]
    if isinstance(node, inspect.CollectionType):
        return node.item_type
    return next(each.type for each in node.fields if each.encode_name == step)


def allowed(node: Any) -> str:
    """Describe the values that a type of `msgspec.inspect` allows."""
    while isinstance(node, inspect.Metadata):
        node = node.type
    words = next((words for kind, words in _WORDS.items() if isinstance(node, kind)), None)
    return "an object" if words is None else words(node)


def _number(node: Any) -> str:
    whole = isinstance(node, inspect.IntType) or node.multiple_of == 1
    form = "," if whole else "g"
    low = f" from {node.ge:{form}}" if node.ge is not None else ""
    low = f" over {node.gt:{form}}" if node.gt is not None else low
    high = f" to {node.le:{form}}" if node.le is not None else ""
    high = f" to below {node.lt:{form}}" if node.lt is not None else high
    return ("an integer" if whole else "a number") + low + high


def _text(node: Any) -> str:
    lengths = f" of {node.min_length or 0} to {node.max_length} characters" * bool(node.max_length)
    lengths = lengths or " that is not empty" * bool(node.min_length)
    return f"a text{lengths}" + (f" that matches {node.pattern}" if node.pattern else "")


def _list(node: Any) -> str:
    least = f" of at least {node.min_length}" if node.min_length else ""
    exact = (
        f" of {node.min_length}" if node.min_length and node.min_length == node.max_length else ""
    )
    return f"a list{exact or least}, each {allowed(node.item_type)}"


def _object(node: Any) -> str:
    names = ", ".join(each.encode_name for each in node.fields)
    return f"an object with {names}" if len(names) < SHOWN_MAX else "an object"


_WORDS: Final[dict[type, Callable[[Any], str]]] = {
    inspect.UnionType: lambda node: " or ".join(map(allowed, node.types)),
    inspect.IntType: _number,
    inspect.FloatType: _number,
    inspect.StrType: _text,
    inspect.LiteralType: lambda node: f"one of {', '.join(map(str, node.values))}",
    inspect.TupleType: lambda node: (
        f"a list of {len(node.item_types)}, each {allowed(node.item_types[0])}"
    ),
    inspect.CollectionType: _list,
    inspect.BoolType: lambda _: "true or false",
    inspect.NoneType: lambda _: "null",
    inspect.StructType: _object,
    inspect.DataclassType: _object,
    inspect.CustomType: lambda node: f"an object of {node.cls.__name__}",
}
