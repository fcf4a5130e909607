"""How objects show themselves: short text, and HTML in a notebook.

The HTML of a type is made by a function of a later folder. `HTML` names it as text, so that no
import points that way; `neurodeploy/__init__.py` fills it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np

HTML: Final[dict[str, str]] = {}
"""By the name of a type: "module:function", which takes an object and returns its HTML."""
SAVE: Final[list[str]] = []
"""The "module:function" that writes a network to a file, once it is known."""
ITEMS: Final = 6
"""Items of a sequence or mapping that a text shows."""
LETTERS: Final = 200
"""Characters that the text of one value takes at most."""


def html_of(item: Any) -> str | None:
    """Return the HTML of an object, or None where its type has none (a notebook then takes the
    text)."""
    path = HTML.get(type(item).__name__)
    if path is None:
        return None
    html: str = named(path)(item)
    return html


def named(path: str) -> Any:
    """Return the function that "module:function" names."""
    module, _, function = path.partition(":")
    return getattr(import_module(module), function)


def value_text(value: Any) -> str:
    """Return a value as short text: an array as its dtype, shape and range.

    >>> value_text(np.array([[-3, 5]], np.int8))
    'int8 (1, 2) -3..5'
    """
    if type(value).__module__ == "numpy" and hasattr(value, "shape"):
        return array_text(value)
    if isinstance(value, Mapping):
        names = ", ".join(map(str, list(value)[:ITEMS])) + ", ..." * (len(value) > ITEMS)
        return f"{{{names}}}"
    if isinstance(value, tuple):
        texts = [*map(value_text, value[:ITEMS]), *["..."] * (len(value) > ITEMS)]
        return f"({', '.join(texts)}{',' * (len(value) == 1)})"
    text = repr(value)
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 3]}..."


def array_text(values: np.ndarray[Any, Any]) -> str:
    """Return an array in words: one value as itself, others as dtype, shape and range."""
    if values.size == 1:
        return str(values.item())
    what = f"{values.dtype} {values.shape}"
    return f"{what} {values.min()}..{values.max()}" if values.size else what


class Shown:
    """A dataclass whose `repr` is short and that shows itself in a notebook.

    Give `repr=False` to `dataclass`, which writes a `__repr__` of its own otherwise.
    """

    def __repr__(self) -> str:
        values = {each.name: getattr(self, each.name) for each in fields(self)}  # type: ignore[arg-type]
        shown = ", ".join(f"{name}={value_text(value)}" for name, value in values.items())
        return f"{type(self).__name__}({shown})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Make copies and pickles by the constructor, so that they are checked and read-only."""
        values = (getattr(self, each.name) for each in fields(self))  # type: ignore[arg-type]
        plain = (dict(v) if isinstance(v, MappingProxyType) else v for v in values)
        return type(self), tuple(plain)

    def _repr_html_(self) -> str | None:
        return html_of(self)
