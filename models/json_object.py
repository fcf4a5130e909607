"""JSON objects that remember the keys they were given twice, of which `json` keeps the last."""

from __future__ import annotations

from typing import Any


class Object(dict[str, Any]):
    """A JSON object that remembers the keys it was given twice."""

    twice: tuple[str, ...] = ()


def object_of(pairs: list[tuple[str, Any]]) -> Object:
    """Return the object of these keys and values, as `object_pairs_hook` of `json.loads`."""
    made = Object(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        made.twice = tuple(key for key in made if keys.count(key) > 1)
    return made
