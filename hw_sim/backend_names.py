"""The names of the backends, for help texts: without what runs them, which takes long to import."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

DESCRIPTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "fast": "our own simulator, bit-exact with Lava",
        "lava": "Lava's process graph on Lava's CPU simulator",
        "loihi2": "a Loihi 2, where Intel's hardware packages are",
    }
)
"""A line for each backend, by the name that the option `--backend` takes."""
