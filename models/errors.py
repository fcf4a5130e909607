"""The errors that neurodeploy raises on purpose.

Each message is one sentence that names the thing, the value, the limit and the way out. Commands
print it and exit with 2; any other exception is a bug and shows its traceback.
"""

from __future__ import annotations

from collections.abc import Sequence


class InputError(ValueError):
    """Say what is wrong with a file, an option, an array or a network that came from outside."""


class DesignRuleError(InputError):
    """Report every design rule that a network breaks, all at once.

    Attributes:
        problems: one sentence a broken rule.
    """

    def __init__(self, subject: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = f"{len(self.problems)} design rule{'s' if len(self.problems) > 1 else ''}"
        super().__init__(f"{subject} breaks {count}:" + "".join(f"\n  - {p}" for p in problems))


class BackendError(RuntimeError):
    """Say why a backend could not run: missing hardware, a time limit, its own error."""
