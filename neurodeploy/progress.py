"""Progress bars, on a terminal and in a notebook: `fit(..., advance=progress_bar("training"))`."""

from __future__ import annotations

import io
import shutil
import sys
from types import TracebackType
from typing import Any


class progress_bar:
    """A bar with a time estimate, for any function that takes `advance`.

    It appears on stderr if that is a terminal, and in a notebook. It closes when everything is
    done, or at the end of a `with` block.

    Args:
        description: of the work, in front of the bar.

    Examples:
        >>> bar = neurodeploy.progress_bar("running")
        >>> activity = neurodeploy.simulate(network, spikes, advance=bar)
    """

    def __init__(self, description: str) -> None:
        self._description = description
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` is done, in any unit."""
        if self._bar is None:
            self._bar = self._new(done, total)
        self._bar.total = total
        self._bar.update(done - self._bar.n)
        if done >= total:
            self.close()

    def _new(self, done: int, total: int) -> Any:
        from tqdm import tqdm  # its import takes longer than the start of a command

        in_notebook, size = "ipykernel" in sys.modules, shutil.get_terminal_size()
        return tqdm(
            total=total,
            initial=done,  # a resumed run starts far from 0, which says nothing about its speed
            desc=self._description,
            file=_Cell() if in_notebook else None,
            disable=False if in_notebook else None,  # None: if stderr is not a terminal
            leave=in_notebook,
            unit_scale=True,
            ncols=80 if in_notebook else min(size.columns, 100),
            nrows=None if in_notebook else size.lines,
            bar_format="{desc} {bar} {percentage:3.0f}%  {elapsed} elapsed, {remaining} to go",
        )

    def close(self) -> None:
        """Remove the bar; the next call draws a new one."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> progress_bar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Cell(io.StringIO):
    """Text below a notebook's cell, where each line replaces the one before.

    It needs no widgets, and a saved notebook holds the last line.
    """

    def __init__(self) -> None:
        super().__init__()
        self._display: Any = None

    def write(self, text: str) -> int:
        from IPython import display

        show: Any = display.display
        if line := text.strip():
            shown = {"text/plain": line}
            if self._display is None:
                self._display = show(shown, raw=True, display_id=True)
            else:
                self._display.update(shown, raw=True)
        return len(text)
