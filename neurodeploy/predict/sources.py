"""The rows of a recording: from a file, stdin, an array or an iterator, as they arrive.

Nothing is read ahead: a source is asked for more only when what came before has been used, so a
reader that stops reading stops the writer, and memory does not grow with the recording.
"""

from __future__ import annotations

import csv
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.data.inputs import open_array
from neurodeploy.models import files
from neurodeploy.models.errors import InputError

BLOCK: Final = 1 << 16
"""Bytes to read at a time, at most; fewer where fewer have arrived."""

PART: Final = 4096
"""Rows of an array per chunk."""

LINE: Final = 1 << 17
"""Bytes of the longest line."""

DELIMITERS: Final = ",;\t"


class Source(ABC):
    """A recording as rows of numbers.

    Attributes:
        name: for messages.
        names: names of the columns, or () if there are none.
        count: number of columns.
        notes: sentences on what was left out; they grow while rows are read.
    """

    name: str
    names: tuple[str, ...]
    count: int
    notes: list[str]

    @abstractmethod
    def chunks(self, columns: Sequence[int]) -> Iterator[NDArray[np.float64]]:
        """Yield these columns of the next rows, float64 (rows, columns), as they arrive."""


def open_source(source: Any, channels: Sequence[int]) -> Source:
    """Open a recording.

    Args:
        source: the path of a .npy file or of a CSV file, "-" for stdin, a binary file object of
            CSV lines, an array, or an iterator of rows (columns,) or chunks (rows, columns).
        channels: numbers of columns that the network takes, to tell rows from columns of an array.

    Raises:
        InputError: if a file cannot be read, or an array has another shape.
    """
    if isinstance(source, str) and source == "-":
        return CsvSource(_blocks(sys.stdin.buffer), "stdin")
    if isinstance(source, (str, Path)):
        path = Path(source)
        if path.suffix.lower() in (".npy", ".npz"):
            return ArraySource(open_array(path), str(path), channels)
        files.check_file(path, "give a CSV or .npy file, or - for stdin")
        return CsvSource(_file_blocks(path), str(path))
    if hasattr(source, "read") and not isinstance(source, np.ndarray):
        return CsvSource(_blocks(source), str(getattr(source, "name", "the stream")))
    if isinstance(source, (np.ndarray, list, tuple)) or hasattr(source, "__array__"):
        return ArraySource(_array(source), "the array", channels)
    if isinstance(source, Iterable):
        return IteratorSource(iter(source))
    raise InputError(
        f"the source is a {type(source).__name__}; give a path, an array, or an iterator of rows"
    )


def _array(values: Any) -> NDArray[Any]:
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "buif":
            raise ValueError(f"dtype {array.dtype}")
    except ValueError as error:
        raise InputError(f"the source is no array of numbers ({error}); give one") from None
    return array


class ArraySource(Source):
    """An array (rows, columns) or (columns, rows), whichever fits the network."""

    def __init__(self, values: NDArray[Any], name: str, channels: Sequence[int]) -> None:
        self.name, self.names, self.notes = name, (), []
        fits = [
            axis
            for axis in (0, 1)
            if values.ndim == 2 and any(values.shape[axis] in (n, n + 1) for n in channels)
        ]
        wanted = " or ".join(map(str, channels))
        if not fits:
            raise InputError(
                f"{name} has shape {values.shape}; give (rows, channels) or (channels, rows) with "
                f"{wanted} channels"
            )
        exact = [axis for axis in fits if values.shape[axis] in channels] or fits
        if len(exact) > 1:
            raise InputError(
                f"{name} has shape {values.shape}, so rows and channels cannot be told apart; give "
                "an iterator of rows"
            )
        self.values = values if exact[0] == 1 else values.T
        self.count = int(self.values.shape[1])

    def chunks(self, columns: Sequence[int]) -> Iterator[NDArray[np.float64]]:
        """Yield parts of the array."""
        for start in range(0, len(self.values), PART):
            yield np.asarray(self.values[start : start + PART][:, columns], np.float64)


class IteratorSource(Source):
    """Rows (columns,) or chunks (rows, columns) of an iterator, one at a time; empty ones pass."""

    def __init__(self, items: Iterator[Any]) -> None:
        self.name, self.names, self.notes = "the iterator", (), []
        self.items = (rows for rows in map(self._rows, items) if rows.size)
        self.first = [rows for rows in (next(self.items, None),) if rows is not None]
        self.count = self.first[0].shape[1] if self.first else 0

    def chunks(self, columns: Sequence[int]) -> Iterator[NDArray[np.float64]]:
        """Yield what the iterator gives, item by item."""
        yield from (each[:, columns] for each in self.first)
        self.first = []
        for rows in self.items:
            if rows.shape[1] != self.count:
                raise InputError(
                    f"the iterator gives {rows.shape[1]} columns after {self.count}; all rows must "
                    "have the same"
                )
            yield rows[:, columns]

    @staticmethod
    def _rows(item: Any) -> NDArray[np.float64]:
        try:
            rows = np.asarray(item, np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"the iterator gives no row of numbers ({error})") from None
        if rows.ndim not in (1, 2):
            raise InputError(
                f"the iterator gives an array of shape {rows.shape}; give rows (columns,) or "
                "chunks (rows, columns)"
            )
        return np.atleast_2d(rows)


class CsvSource(Source):
    """Lines of text with a comma, semicolon or tab between fields.

    Empty lines and lines that start with `#` are left out, and so is a last line without a line
    end, which may be cut. With semicolons or tabs, a comma is a decimal point. An empty field is
    NaN.
    """

    def __init__(self, blocks: Iterator[bytes], name: str) -> None:
        self.name, self.notes = name, []
        self.lines = self._lines(blocks)
        self.line, self.waiting = 0, list[str]()
        if not self._wait():
            raise InputError(f"{name} has no rows; give lines of numbers with column names above")
        first = self.waiting[0]
        self.delimiter = max(DELIMITERS, key=first.count)
        fields = self._fields(first)
        self.count = len(fields)
        self.names = () if all(map(_is_number, fields)) else tuple(each.strip() for each in fields)
        if self.names:
            self._leave(1)

    def chunks(self, columns: Sequence[int]) -> Iterator[NDArray[np.float64]]:
        """Yield the numbers of the lines that have arrived, those above a damaged line too."""
        while self._wait():
            rows: list[list[float]] = []
            damage: InputError | None = None
            for number, line in self._numbered():
                try:
                    rows.append(self._row(line, number, columns))
                except InputError as error:
                    damage = error
                    break
            if rows:
                yield np.array(rows, np.float64).reshape(len(rows), len(columns))
            if damage is not None:
                raise damage
            self._leave(len(self.waiting))

    def _numbered(self) -> Iterator[tuple[int, str]]:
        return enumerate(self.waiting, self.line + 1)

    def _leave(self, count: int) -> None:
        """Leave the first waiting lines behind."""
        self.line += count
        self.waiting = self.waiting[count:]

    def _wait(self) -> bool:
        """Wait for lines if none is left; return whether there is one."""
        while not self.waiting:
            lines = next(self.lines, None)
            if lines is None:
                return False
            self.waiting = lines
        return True

    def _lines(self, blocks: Iterator[bytes]) -> Iterator[list[str]]:
        """Yield the whole lines of each block, without empty lines and comments."""
        rest = b""
        for block in blocks:
            if b"\0" in block:
                raise InputError(f"{self.name} is no text; give a CSV or .npy file")
            *whole, rest = (rest + block).replace(b"\r\n", b"\n").split(b"\n")
            if len(rest) > LINE:
                raise InputError(f"{self.name} has a line of over {LINE:,} bytes; give a CSV file")
            text = [each.decode("utf-8-sig", "replace").strip() for each in whole]
            yield [each for each in text if each and not each.startswith("#")]
        if rest.strip():
            self.notes.append("the last line has no line end and may be cut, so it was left out")

    def _fields(self, line: str) -> list[str]:
        if '"' not in line:
            return line.split(self.delimiter)
        try:
            return next(csv.reader([line], delimiter=self.delimiter))
        except csv.Error as error:
            raise InputError(f"{self.name} has a damaged line ({error}); correct it") from None

    def _row(self, line: str, number: int, columns: Sequence[int]) -> list[float]:
        fields = self._fields(line)
        if len(fields) != self.count:
            raise InputError(
                f"{self.name}, row {number}: it has {len(fields)} fields and the first line "
                f"{self.count}; correct or remove it"
            )
        try:
            return [_number(fields[column], self.delimiter) for column in columns]
        except ValueError:
            return [self._value(fields[column], number) for column in columns]

    def _value(self, field: str, number: int) -> float:
        """Return the number of a field, or the seconds of a date and time."""
        for parse in (lambda text: _number(text, self.delimiter), _seconds):
            with suppress(ValueError):
                return parse(field)
        raise InputError(
            f"{self.name}, row {number}: {field.strip()[:40]!r} is no number; correct it, leave it "
            "empty where a value is missing, or leave out a column of times with --time none"
        )


def _number(field: str, delimiter: str) -> float:
    text = field.strip()
    if delimiter != ",":
        text = text.replace(",", ".")
    return float(text) if text else float("nan")


def _seconds(field: str) -> float:
    """Return the seconds since 1970 of a date and time, such as 2026-05-01T12:00:00.020."""
    return datetime.fromisoformat(field.strip()).replace(tzinfo=timezone.utc).timestamp()


def _is_number(field: str, delimiter: str = ",") -> bool:
    try:
        _number(field, delimiter)
    except ValueError:
        return False
    return True


def _file_blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from _blocks(file)


def _blocks(file: Any) -> Iterator[bytes]:
    """Yield bytes as they arrive, without waiting for a full block."""
    read = getattr(file, "read1", None)
    if read is None:
        try:
            number = file.fileno()
        except (AttributeError, OSError):
            read = file.read
        else:
            read = lambda size: os.read(number, size)  # noqa: E731
    while block := read(BLOCK):
        yield block if isinstance(block, bytes) else str(block).encode()
