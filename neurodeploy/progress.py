"""Progress bars, on a terminal and in a notebook: `fit(..., advance=progress_bar("training"))`."""

from __future__ import annotations

import io
import shutil
import sys
from types import TracebackType
from typing import Any


class progress_bar:
    """A progress bar with a time estimate, for any function that takes `advance`.

    It appears in a notebook, and on stderr if that is a terminal. It closes at 100 %, or at the end
    of a `with` block.

    Args:
        description: text in front of the bar.

    Examples:
        >>> bar = neurodeploy.progress_bar("running")
        >>> activity = neurodeploy.simulate(network, spikes, advance=bar)
    """

    def __init__(self, description: str) -> None:
        self._description = description
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        """Show progress: `done` of `total`, in any unit."""
        if self._bar is None:
            self._bar = self._new(done, total)
        self._bar.total = total
        self._bar.update(done - self._bar.n)
        if done >= total:
            self.close()

    def _new(self, done: int, total: int) -> Any:
        from tqdm import tqdm  # its import takes longer than the start of a command

        in_notebook, size = _in_notebook(), shutil.get_terminal_size()
        return tqdm(
            total=total,
            initial=done,  # a resumed run does not start at 0; tqdm's speed must not count that
            desc=self._description,
            file=_Cell() if in_notebook else None,
            disable=False if in_notebook else None,  # None: disabled unless stderr is a terminal
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


def _in_notebook() -> bool:
    """Return whether a kernel runs this process; importing ipykernel alone is no sign of it."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")


class _Cell(io.StringIO):
    """A file that shows its last line below a notebook's cell.

    It needs no widgets, and a saved notebook contains the last line.
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
