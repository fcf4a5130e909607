"""Tables and Markdown pages of all benchmarks."""

from __future__ import annotations

import os
import platform
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

import jinja2
import pandas as pd

from neurodeploy.models.files import replacing

ROOT: Final = Path(__file__).parents[1]
TEMPLATES: Final = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes:
        title: a few words.
        about: description of its figures.
        headings: headings of the columns.
        rows: cells of each row, as many as headings.
    """

    title: str
    about: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def markdown(self) -> str:
        """The table in Markdown; the first column is left-aligned, the others right-aligned."""
        frame = pd.DataFrame(list(self.rows), columns=list(self.headings), dtype=str)
        align = ("left", *["right"] * (len(self.headings) - 1))
        return str(frame.to_markdown(index=False, disable_numparse=True, colalign=align))

    @property
    def section(self) -> str:
        """The table in Markdown below its title as a heading."""
        about = f"{self.about[:1].upper()}{self.about[1:]}.\n\n" if self.about else ""
        return f"## {self.title}\n\n{about}{self.markdown}\n"

    def show(self) -> None:
        """Print the table."""
        print(f"\n{self.title}{': ' if self.about else ''}{self.about}\n\n{self.markdown}")


def write(
    path: Path, program: str, argv: Sequence[str], *, template: str = "", **values: Any
) -> None:
    """Write the page of a benchmark from `templates/PROGRAM.md` or another template.

    Args:
        path: path of the page.
        program: name of the benchmark.
        argv: its arguments, for the command on the page.
        template: name of the template, by default the program's.
        values: variables of the template besides `command`, `day`, `machine` and `python`.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False,
    )  # fmt: skip
    cores = os.cpu_count() or 1
    text = environment.get_template(f"{template or program}.md").render(
        command=shlex.join(["python", "-m", f"benchmarks.{program}", *argv]),
        day=datetime.now(timezone.utc).date(),
        machine=f"{cores} core{'s' * (cores > 1)} of: {processor()}; {platform.system()}",
        python=platform.python_version(),
        beside=lambda other: os.path.relpath(other, path.parent),
        **values,
    )
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def processor() -> str:
    """Return the processor's name."""
    table = Path("/proc/cpuinfo")
    if table.exists():
        for line in table.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def number(value: float | None) -> str:
    """Format a number with three significant digits; "-" for None."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}"


def share(part: float, whole: float | None) -> str:
    """Format part / whole in percent with two significant digits; "-" without a whole."""
    if whole is None:
        return "-"
    percent = 100 * part / whole
    return f"{percent:.0f}%" if percent >= 10 else f"{percent:.2g}%"


def band(values: Mapping[str, float], digits: str = "") -> str:
    """Return "value (low to high)"."""
    low, value, high = (
        f"{values[end]:{digits}}" if digits else number(values[end])
        for end in ("low", "value", "high")
    )
    return f"{value} ({low} to {high})"
