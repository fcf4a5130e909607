"""List the commands, or run one: `neurodeploy train` is `python -m neurodeploy.train`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

from neurodeploy.commands import cli

COMMANDS = {
    "deploy": "train, export, check and report in one run: start here",
    "train": "train a network for a task and write model.pt",
    "export": "quantize model.pt, check that every spike stays the same, and write model.net",
    "explore": "search for the best networks of a task within limits of energy and size",
    "report": "run model.net and report accuracy, spikes, energy and latency",
    "predict": "classes over time from a recording or a stream, in windows or continuously",
    "data": "list the tasks and their datasets, show or download a dataset",
}


def module(name: str) -> Any:
    """Return the module of a command, whose `main` `python -m neurodeploy.NAME` calls."""
    return importlib.import_module(f"neurodeploy.commands.{name}")


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command named first in `argv`, or list the commands."""
    name, *words = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    if name == "help" and len(words) > 1:
        return _refuse(f"help takes one command, not {len(words)}: {' '.join(words)}")
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
            f"{listing}\n\n`neurodeploy help COMMAND` lists the options of a command; "
            "`neurodeploy --version` prints the version."
        )
        return cli.DONE
    return _refuse(f"there is no command {name!r}; the commands are {', '.join(COMMANDS)}")


def _refuse(reason: str) -> int:
    cli.say(f"error: {reason}")
    return cli.IMPOSSIBLE


def run() -> None:
    """Run as the console script."""
    sys.exit(main())


if __name__ == "__main__":
    run()
