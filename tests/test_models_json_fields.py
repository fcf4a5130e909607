"""The JSON of an object has the keys, units and order of its class's table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import msgspec
import pytest

from neurodeploy.models import schema
from neurodeploy.models.json_fields import At, Table, json_type, to_dict


@dataclass(frozen=True)
class Sample:
    """A sample.

    Attributes:
        seconds: seconds that it takes; None if unknown.
        count: what was counted.
    """

    JSON: ClassVar[Table] = Table(
        {
            "time_us": "seconds",
            "count": "count",
            "dt_ms": At("seconds", exact=True, optional=True),
            "known": Table({"time_ms": "twice.seconds"}, "Known", "All.", given="seconds"),
        },
        tag="sample",
    )

    seconds: float | None
    count: float

    @property
    def twice(self) -> Sample:
        """The sample, twice as long."""
        return Sample(2 * (self.seconds or 0), self.count)


def test_floats_are_scaled_and_rounded_below_keys_with_a_unit_only() -> None:
    assert list(to_dict(Sample(1.234567e-3, 1.234567)).items()) == [
        ("schema", "sample"),
        ("time_us", 1235.0),
        ("count", 1.234567),
        ("dt_ms", 1.234567e-3),
        ("known", {"time_ms": 2.469}),
    ]


def test_what_is_unknown_is_null_or_has_no_key() -> None:
    found = to_dict(Sample(None, 2.0))
    assert found == {"schema": "sample", "time_us": None, "count": 2.0, "known": None}
    assert msgspec.to_builtins(msgspec.convert(found, json_type(Sample))) == found


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_dict(Sample(1.0, float("nan")))


def test_descriptions_are_those_of_the_attributes_in_the_unit_of_the_key() -> None:
    kinds = schema.json_schema(json_type(Sample))["$defs"]
    found = {name: each["description"] for name, each in kinds["Sample"]["properties"].items()}
    assert found["time_us"] == "Microseconds that it takes; null if unknown."
    assert found["count"] == "What was counted."
    assert kinds["Known"]["properties"]["time_ms"]["type"] == "number"
