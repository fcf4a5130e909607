"""The JSON of objects whose class has a `Table` named `JSON`: key -> path of an attribute.

A key names the unit of the values below it, and so the factor that turns SI values into it. Floats
below a key of `FACTORS` are rounded to four significant digits; all others are exact. `json_values`
returns the JSON values of an object, `json_type` the type that describes them.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from neurodeploy.models.schema import attributes_of

DIGITS: Final = 4
"""Significant digits of estimates; their bounds are far wider apart."""

FACTORS: Final = {
    "us": 1e6, "ms": 1e3, "uj": 1e6, "mw": 1e3, "s": 1.0, "headroom": 1.0, "utilization": 1.0,
}  # fmt: skip
"""Last word of a key -> factor of the floats below it."""

PREFIXES: Final = {"us": "micro", "ms": "milli", "uj": "micro", "mw": "milli"}


@dataclass(frozen=True)
class At:
    """The attribute of a key.

    Attributes:
        path: its path.
        text: description of the key; "" for that of the attribute.
        exact: whether it is in the unit of the key, and not rounded.
        optional: whether there is no such key if it is None.
    """

    path: str
    text: str = ""
    exact: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Table:
    """The keys of a JSON object, the value `JSON` of its class.

    A key may itself have a table: its object then has attributes of the same class.

    Attributes:
        keys: the path of each key's attribute, or its table.
        name: name of the JSON type; "" for that of the class.
        text: its description; "" for the first line of the class's docstring.
        given: path of an attribute that is None if the object is null; "" if it never is.
        tag: value of its first key, "schema"; "" for none.
    """

    keys: Mapping[str, str | At | Table]
    name: str = ""
    text: str = ""
    given: str = ""
    tag: str = ""


def same(names: str) -> dict[str, str]:
    """Return the table of attributes that are their own keys, from names with spaces between."""
    return {name: name for name in names.split()}


def rounded(number: float) -> float:
    """Return a number rounded to `DIGITS` significant digits."""
    return float(f"{number:.{DIGITS}g}")


def json_values(item: Any, factor: float | None = None) -> Any:
    """Return an object as dicts, lists, strings and numbers; floats times `factor`, rounded."""
    if isinstance(item, float):
        return item if factor is None else rounded(item * factor)
    if item is None or isinstance(item, int | str):
        return item
    if isinstance(item, Mapping):
        return {name: json_values(each, factor) for name, each in item.items()}
    if isinstance(item, list | tuple):
        return [json_values(each, factor) for each in item]
    if hasattr(item, "JSON"):
        return _values(item, item.JSON, factor)
    return msgspec.to_builtins(item, enc_hook=dict)


def to_dict(item: Any) -> dict[str, Any]:
    """Return the JSON values of an object with a table.

    Raises:
        ValueError: when a number is NaN or infinite.
    """
    plain: dict[str, Any] = json.loads(json.dumps(json_values(item), allow_nan=False))
    return plain


def _values(item: Any, table: Table, factor: float | None) -> dict[str, Any] | None:
    if table.given and attrgetter(table.given)(item) is None:
        return None
    found: dict[str, Any] = {"schema": table.tag} if table.tag else {}
    for key, entry in table.keys.items():
        by = FACTORS.get(key.rpartition("_")[2], factor)
        if isinstance(entry, Table):
            found[key] = _values(item, entry, by)
        else:
            at = _at(entry)
            value = attrgetter(at.path)(item)
            if value is not None or not at.optional:
                found[key] = json_values(value, None if at.exact else by)
    return found


def _at(entry: str | At) -> At:
    return entry if isinstance(entry, At) else At(entry)


@lru_cache
def json_type(kind: Any) -> type[msgspec.Struct]:
    """Return the type of the JSON values of a class; its docstring describes the keys."""
    return _type(kind, kind.JSON)


def _type(kind: Any, table: Table, prefix: str = "") -> type[msgspec.Struct]:
    fields: list[Any] = []
    texts = ["    schema: Name of this schema.\n"] * bool(table.tag)
    for key, entry in table.keys.items():
        by = PREFIXES.get(key.rpartition("_")[2], prefix)
        if isinstance(entry, Table):
            hint, text = _type(kind, entry, by), entry.text
            fields.append((key, Union[hint, None] if entry.given else hint))  # noqa: UP007
        else:
            at = _at(entry)
            hint, text = _attribute(kind, at)
            hint = _plain(_present(hint) if table.given or at.optional else hint)
            unset = (hint | msgspec.UnsetType, msgspec.UNSET) if at.optional else (hint,)
            fields.append((key, *unset))
        texts.append(f"    {key}: {_in_unit(text, by)}\n")
    about = table.text or kind.__doc__.partition("\n")[0]
    docstring = f"{about}\n\nAttributes:\n{''.join(texts)}"
    name = table.name or kind.__name__
    tag: dict[str, Any] = {"tag_field": "schema", "tag": table.tag} if table.tag else {}
    return msgspec.defstruct(name, fields, namespace={"__doc__": docstring}, kw_only=True, **tag)


def _attribute(kind: Any, at: At) -> tuple[Any, str]:
    """Return the type and the description of an attribute."""
    for name in at.path.split("."):
        kind = _present(kind)
        member = inspect.getattr_static(kind, name, None)
        function = getattr(member, "fget", getattr(member, "func", None))
        if function is None:
            text, kind = attributes_of(kind.__doc__)[name], get_type_hints(kind)[name]
        else:
            text, kind = function.__doc__.partition("\n\n")[0], get_type_hints(function)["return"]
    return kind, at.text or " ".join(text.split())


def _in_unit(text: str, prefix: str) -> str:
    """Return a description with SI units in the unit of the key, and None as JSON's null."""
    units = re.compile(r"\b(seconds|joules|watts)\b", re.IGNORECASE)
    words = units.sub(lambda unit: prefix + unit[0].lower(), text)
    return words.replace("None", "null")


def _present(hint: Any) -> Any:
    """Return a type without None."""
    return next((each for each in get_args(hint) if type(None) in get_args(hint)), hint)


def _plain(hint: Any) -> Any:
    """Return a type with classes that have a table replaced by their JSON types."""
    if hasattr(hint, "JSON"):
        return json_type(hint)
    origin = get_origin(hint)
    if origin in (None, Literal):
        return hint
    parts = tuple(map(_plain, get_args(hint)))
    if type(None) in parts:
        return Union[parts]  # noqa: UP007
    return (tuple if origin is tuple else dict)[parts]
