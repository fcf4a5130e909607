"""Display objects: as short text, and as HTML in a notebook.

The functions that return HTML lie in packages which depend on this one. `HTML` holds their names,
so that this module need not import them; `neurodeploy/__init__.py` fills it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

HTML: Final[dict[str, str]] = {}
"""Name of a type -> "module:function", which takes an object and returns its HTML."""
SAVE: Final[list[str]] = []
"""The "module:function" that writes a network to a file."""
ITEMS: Final = 6
"""Maximum number of items of a sequence or mapping in a text."""
LETTERS: Final = 200
"""Maximum length of the text of one value."""


def import_function(path: str) -> Any:
    """Return the function that "module:function" names."""
    module, _, function = path.partition(":")
    return getattr(import_module(module), function)


def value_text(value: Any) -> str:
    """Return a value as short text: an array as its dtype, shape and range.

    >>> value_text(np.array([[-3, 5]], np.int8))
    'int8 (1, 2) -3..5'
    """
    if type(value).__module__ == "numpy" and hasattr(value, "shape"):
        if value.size == 1:
            return str(value.item())
        text = f"{value.dtype} {value.shape}"
        return f"{text} {value.min()}..{value.max()}" if value.size else text
    if isinstance(value, Mapping):
        names = ", ".join(map(str, list(value)[:ITEMS])) + ", ..." * (len(value) > ITEMS)
        return f"{{{names}}}"
    if isinstance(value, tuple):
        texts = [*map(value_text, value[:ITEMS]), *["..."] * (len(value) > ITEMS)]
        return f"({', '.join(texts)}{',' * (len(value) == 1)})"
    text = repr(value)
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 3]}..."


class Shown:
    """Base class of dataclasses with a short `repr` and an HTML display in notebooks.

    Pass `repr=False` to `dataclass`, which otherwise generates its own `__repr__`.
    """

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value_text(value)}" for name, value in self._values().items())
        return f"{type(self).__name__}({shown})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and unpickle through the constructor, so that copies are checked and read-only."""
        values = self._values().items()
        plain = {k: dict(v) if isinstance(v, MappingProxyType) else v for k, v in values}
        return _construct, (type(self), plain)

    def _values(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self) if each.init}  # type: ignore[arg-type]

    def _repr_html_(self) -> str | None:
        """Return the HTML of the object, or None, for which a notebook shows the text."""
        path = HTML.get(type(self).__name__)
        return None if path is None else str(import_function(path)(self))


def _construct(kind: type[Any], values: dict[str, Any]) -> Any:
    return kind(**values)


def number_of(count: int, noun: str) -> str:
    """Return a count and its noun, such as "1 sample" or "2,996 samples"."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
