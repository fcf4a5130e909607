"""The errors that neurodeploy raises on purpose.

Each message is one sentence that names the object, the value, the limit and the way out. Commands
print it and exit with code 2; any other exception is a bug and shows its traceback.
"""

from __future__ import annotations

import importlib.util
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

OVERRIDES: Final = Path(__file__).parents[1] / "lava-overrides.txt"
"""The overrides file with which `uv pip install` installs Lava beside current packages."""

EXTRAS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "torch": "lava",
        "lava.magma": "lava",
        "lava.proc": "lava",
        "lava.lib.dl.slayer": "lava",
        "tonic": "events",
        "tensorboard": "tensorboard",
        "scipy": "live",
        "optuna": "explore",
        "cloudpickle": "explore",
    }
)
"""Module -> the extra of neurodeploy that installs it."""


class InputError(ValueError):
    """A file, an option, an array or a network from outside is not valid.

    Examples:
        >>> neurodeploy.simulate(network, spikes[:, :2])
        Traceback (most recent call last):
        neurodeploy.models.errors.InputError: the input has shape (5, 2, 30); ...
    """


class NotWrittenError(InputError):
    """A file or folder cannot be written, as on a full disk."""


class FolderInUseError(InputError):
    """Another training is writing to a folder."""


class MissingPackageError(InputError, ImportError):
    """A package is not installed; the message has the commands that install it.

    Attributes:
        name: the missing module.
    """

    def __init__(self, message: str, name: str | None = None) -> None:
        ImportError.__init__(self, message, name=name)


class DesignRuleError(InputError):
    """A network breaks design rules; the message lists all of them.

    Attributes:
        problems: one sentence per broken rule.

    Examples:
        >>> error = neurodeploy.DesignRuleError("the network", ["layer 0 is too large"])
        >>> error.problems
        ('layer 0 is too large',)
    """

    def __init__(self, subject: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = f"{len(self.problems)} design rule{'s' if len(self.problems) > 1 else ''}"
        super().__init__(f"{subject} breaks {count}:" + "".join(f"\n  - {p}" for p in problems))


class BackendError(RuntimeError):
    """A backend could not run: no hardware, the time limit exceeded, or an error in the backend.

    Examples:
        >>> neurodeploy.simulate(network, spikes, backend="loihi2")
        Traceback (most recent call last):
        neurodeploy.models.errors.BackendError: ...
    """


def require(purpose: str, *modules: str) -> None:
    """Check that modules are installed, without importing them.

    Args:
        purpose: what needs the modules; starts the message.
        modules: keys of `EXTRAS`.

    Raises:
        MissingPackageError: names the first missing module and how to install it.
    """
    for module in modules:
        if not is_installed(module):
            raise MissingPackageError(
                f"{purpose} needs {module}, which is not installed; install it with "
                f"{extra_commands(EXTRAS[module])}",
                name=module,
            )


def is_installed(module: str) -> bool:
    """Return whether a module can be found; only its parent packages are imported."""
    if module in sys.modules:
        return sys.modules[module] is not None
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it is missing
        return False


def install_commands(requirement: str, *options: str) -> str:
    """Return the commands that install a requirement with pip and with uv, joined by "or"."""
    arguments = shlex.join([*options, requirement])
    return f"`pip install {arguments}` or `uv pip install {arguments}`"


def extra_commands(extra: str) -> str:
    """Return the commands that add an extra to the installed neurodeploy, joined by "or".

    They pin the installed version, since PyPI has another project called neurodeploy, which pip
    and uv could install instead.
    """
    from importlib import metadata  # slow to import, and needed in messages only

    try:
        requirement = f"neurodeploy[{extra}]=={metadata.version('neurodeploy')}"
    except metadata.PackageNotFoundError:  # imported from a checkout, not installed
        requirement = f"{OVERRIDES.parents[1]}[{extra}]"
    if extra != "lava":
        return install_commands(requirement)
    quoted = shlex.quote(requirement)
    with_uv = f"`uv pip install --override {shlex.quote(str(OVERRIDES))} {quoted}`"
    if sys.version_info >= (3, 11):
        return f"{with_uv} (pip refuses Lava on Python 3.11 and later; `pip install uv` adds uv)"
    return f"`pip install {quoted}` or {with_uv}"
