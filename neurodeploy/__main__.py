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
    "export": "turn model.pt into model.net and check that it spikes as the trained network",
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
    name, *words = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    if name == "help" and len(words) > 1:
        return _refuse(f"help takes one command and is given {len(words)}: {' '.join(words)}")
    if name == "help" and words:
        name, words = words[0], ["--help"]
    if name in COMMANDS:
        return int(module(name).main(words))
    if name in ("-V", "--version"):
        print(f"neurodeploy {cli.version()}")
        return cli.DONE
    if name in ("help", "-h", "--help"):
        listing = "\n".join(f"  {each:8}{text}" for each, text in COMMANDS.items())
        print(
            "usage: neurodeploy COMMAND [OPTIONS], or python -m neurodeploy.COMMAND\n\n"
            f"{listing}\n\nneurodeploy help COMMAND lists the options of one; --version the version"
        )
        return cli.DONE
    return _refuse(f"{name!r} is no command; the commands are {', '.join(COMMANDS)}")


def _refuse(why: str) -> int:
    cli.say(f"error: {why}")
    return cli.IMPOSSIBLE


def run() -> None:
    """Run as the console script."""
    sys.exit(main())


if __name__ == "__main__":
    run()
