"""JSON is checked against a type: the message names the place, the value and what is allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from neurodeploy.models import schema
from neurodeploy.models.errors import InputError


class Row(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    size: Annotated[int, Meta(ge=1, le=64)]
    kind: Literal["a", "b"] = "a"
    pair: int | tuple[int, int] = 3
    share: Annotated[float, Meta(gt=0, lt=1)] = 0.5

    def __post_init__(self) -> None:
        if self.size == 13:
            raise InputError("13 brings no luck")


class File(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    rows: dict[Annotated[str, Meta(pattern="^[a-z]+$")], Row]
    items: Annotated[tuple[Row, ...], Meta(min_length=1)] | None = None
    name: Annotated[str, Meta(min_length=1, max_length=9)] = "x"


def refusal(text: str | bytes) -> str:
    with pytest.raises(InputError) as caught:
        schema.decode(text, File, "x.json")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[]", ["x.json is []", "object"]),
        ("{}", ["`rows`"]),
        ('{"rows": {"a": {"size": 1}, "b": {"size": 65}}}', ["rows[...].size", "64"]),
        ('{"rows": {"a": {"size": 1}, "b": {"sise": 65}}}', ["rows[...]", "`sise`"]),
        ('{"rows": {"a": {"size": 1}, "b": {}}}', ["rows[...]", "`size`"]),
        ('{"rows": {"a": {"size": 1}, "B": {"size": 1}}}', ["rows has a wrong key", "^[a-z]+$"]),
        ('{"rows": {"a": {"size": 13}}}', ["rows[...]: 13 brings no luck"]),
        ('{"rows": {}, "items": []}', ["items is []", "length >= 1"]),
        ('{"rows": {}, "items": [{"size": 1, "pair": [1, "2"]}]}', ["items[0].pair[1]", '"2"']),
        ('{"rows": {}, "items": [{"size": 1, "kind": "c"}]}', ["items[0].kind", '"c"']),
        ('{"rows": {}, "items": [{"size": 1, "share": 1}]}', ["items[0].share is 1", "< 1.0"]),
        ('{"rows": {}, "rows": {}}', ["'rows' twice"]),
        ('{"rows": {}, "items": [{"size": 1, "size": 2}]}', ["'size' twice"]),
        ('{"rows": NaN}', ["byte 9"]),
        ('{"rows": 1e999}', ["out of range"]),
        ('{"rows": {"a": {"size": ' + "1" * 5000 + "}}}", ["5000 digits"]),
        ('{"rows": ', ["line 1 column 10"]),
        ("[" * 100_000, ["recursion"]),
        (r'{"rows": {}, "name": "\ud800"}', ["not JSON"]),
        (r'{"rows": {}, "\udfff": 1}', ["surrogate"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(text, named):
    message = refusal(text)
    assert message.startswith("x.json")
    assert [each for each in named if each not in message] == []
    assert len(message) < 250
    assert "\n" not in message


def test_what_fits_becomes_the_type():
    text = b'\xef\xbb\xbf{"rows": {"a": {"size": 2, "pair": [1, 2]}}, "items": [{"size": 64}]}'
    assert schema.decode(text, File, "x.json") == File({"a": Row(2, pair=(1, 2))}, (Row(64),))


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "x.json"
    for content in (None, b"\xff\xfe"):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(InputError, match=r"x\.json .*; give another file"):
            schema.read(path, File, way_out="give another file")


@dataclass(frozen=True)
class Layer:
    neurons: Annotated[int, Meta(ge=1)]
    kernel: tuple[int, int] = (3, 3)

    def __post_init__(self) -> None:
        schema.check_fields(self)


def test_a_dataclass_checks_its_fields():
    assert Layer(4, [1, 2]).kernel == (1, 2)
    with pytest.raises(InputError, match=r'^neurons is "4"; expected `int`, got `str`$'):
        Layer("4")


def test_the_schema_of_a_type_has_its_ranges():
    size = schema.json_schema(File)["$defs"]["Row"]["properties"]["size"]
    assert size == {"type": "integer", "minimum": 1, "maximum": 64}
    layer = schema.json_schema(schema.fields_of(Layer, optional=True))["$defs"]["Layer"]
    assert layer["properties"]["kernel"]["default"] == (3, 3)
    assert layer["required"] == []
