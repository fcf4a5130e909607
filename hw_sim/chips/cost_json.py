"""The text of a cost file, as JSON: what is no such file is refused before its rows are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from neurodeploy.models.errors import InputError
from neurodeploy.models.json_object import object_of

BYTES_MAX: Final = 1_000_000
"""Of a cost file; the installed ones have 20 kB."""

WAY_OUT: Final = "give a cost file, as docs/cost-files.md describes"


def read_text(path: Path) -> str:
    """Return the text of the file at `path`.

    Raises:
        InputError: when it is no regular file, cannot be read, is too large or not in UTF-8.
    """
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder; {WAY_OUT}")
        if not path.is_file():
            what = "is no regular file" if path.exists() else "does not exist"
            raise InputError(f"{path} {what}; {WAY_OUT}")
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise InputError(
            f"{str(path)[:200]} cannot be read ({error.strerror}); {WAY_OUT}"
        ) from None
    if len(content) > BYTES_MAX:
        raise InputError(f"{path} has more than {BYTES_MAX:,} bytes; {WAY_OUT}")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text in UTF-8 (byte {error.start}); {WAY_OUT}") from None


def load(text: str, file: str | Path) -> Any:
    """Return the JSON value of a text, objects as `Object`.

    Raises:
        InputError: when the text is no JSON, or nested without end.
    """
    try:
        return json.loads(
            text.removeprefix("\ufeff"), object_pairs_hook=object_of, parse_int=_whole_number
        )
    except json.JSONDecodeError as error:
        raise InputError(
            f"{file} is no JSON ({error.msg}, line {error.lineno}, column {error.colno}); "
            "correct it there"
        ) from None
    except RecursionError:
        raise InputError(f"{file} is nested too deeply; {WAY_OUT}") from None


def shown(value: Any) -> str:
    """Return a value of a file as a message shows it: as JSON, and not too long."""
    if isinstance(value, (dict, list)) and value:
        return "a list" if isinstance(value, list) else "an object"
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _whole_number(text: str) -> int | float:
    """Return an int, or the float next to one that is too long to be in any range."""
    return int(text) if len(text) <= 30 else float(text)
