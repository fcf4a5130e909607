"""List the commands, or run one: `neurodeploy train` is `python -m neurodeploy.train`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

from neurodeploy import cli

COMMANDS = {
    "deploy": "train, export, check and report in a row: the first thing to run",
    "train": "train a network for a task and write model.pt",
    "export": "turn model.pt into model.net and prove that it spikes alike",
    "report": "run model.net and report accuracy, spikes, energy and latency",
    "data": "list the data of the tasks, show or download them",
}


def module(name: str) -> Any:
    """Return the module of a command; `python -m` runs the same."""
    place = f"neurodeploy.{name}" + ".__main__" * (name == "export")  # a folder of files as well
    return importlib.import_module(place)


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command named first in `argv`, or list the commands."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = arguments[0] if arguments else "--help"
    if name in COMMANDS:
        return int(module(name).main(arguments[1:]))
    listing = "\n".join(f"  {name:8}{text}" for name, text in COMMANDS.items())
    text = f"usage: neurodeploy COMMAND [OPTIONS], or python -m neurodeploy.COMMAND\n\n{listing}"
    if name in ("-h", "--help"):
        print(text)
        return 0
    print(f"error: {name!r} is no command; the commands are {', '.join(COMMANDS)}", file=sys.stderr)
    return 2


def run() -> None:
    """Run as the console script."""
    sys.exit(main())


if __name__ == "__main__":
    run()
