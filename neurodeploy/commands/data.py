"""List the tasks and their datasets, show or download a dataset: `python -m neurodeploy.data`."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from neurodeploy.commands import cli
from neurodeploy.models.errors import InputError

if TYPE_CHECKING:  # it needs numpy
    from neurodeploy.data.inventory import Contents, Entry
    from neurodeploy.data.task import Task

DESCRIPTION = (
    "List the tasks with the state, licence and citation of their datasets; or show or download "
    "the dataset of one task."
)


def add_options(options: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    from neurodeploy.data import names

    options.add_argument(
        "--task",
        choices=names(),
        metavar="NAME",
        help=f"show the dataset of one task: {', '.join(names())}; all tasks are listed by default",
    )
    cli.add_data_option(options)
    options.add_argument(
        "--get",
        action="store_true",
        help="download the dataset of --task and check it",
    )
    options.add_argument("--json", action="store_true", help="print one JSON object")


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = cli.parser("data", DESCRIPTION)
    add_options(options)
    args = options.parse_args(argv)
    _check(args)
    if args.task is None:
        return _list(args)
    from neurodeploy.data import get

    task = get(args.task)
    if args.get:
        download(task)
    return _show(args, task)


def _check(args: argparse.Namespace) -> None:
    """Raise InputError for options that do not go together."""
    for option in ("data", "get"):
        if getattr(args, option) and args.task is None:
            raise InputError(f"--{option} applies to the dataset of one task; name it with --task")
    if args.data is not None and args.get:
        raise InputError("--get downloads a dataset, --data names an existing one; leave one out")


def _list(args: argparse.Namespace) -> int:
    """List all tasks."""
    from neurodeploy.data.inventory import entries

    found = entries()
    if args.json:
        _print_json(found)
        return cli.DONE
    from neurodeploy.data.origin import home
    from neurodeploy.report import data_sets

    data_sets.show_all(found, home())
    print(f"Next, details of one task: {cli.next_command('data', '--task', found[0].task.name)}")
    return cli.DONE


def _show(args: argparse.Namespace, task: Task) -> int:
    """Show the dataset of one task, with its contents if it is found."""
    from neurodeploy.data.inventory import contents, entry

    found, held = entry(task, args.data), None
    if found.path is not None:
        with cli.reading():
            held = contents(task, found.path)
    if args.json:
        _print_json([found], held)
        return cli.DONE
    from neurodeploy.report import data_sets

    data_sets.show_one(found, held)
    if held is not None:
        command = cli.next_command("train", "--task", task.name, data=args.data)
        print(f"Next: {command}")
    return cli.DONE


def _print_json(entries: Sequence[Entry], held: Contents | None = None) -> None:
    from neurodeploy.data.inventory import SCHEMA, VERSION
    from neurodeploy.data.origin import home

    listed = [each.as_json() for each in entries]
    if held is not None:
        listed[0]["contents"] = held.as_json()
    cli.print_json({"schema": SCHEMA, "version": VERSION, "home": str(home()), "tasks": listed})


def download(task: Task) -> None:
    """Download the dataset of a task and print its location on stderr.

    Raises:
        InputError: if the download fails.
    """
    from neurodeploy.data import inventory

    with contextlib.redirect_stdout(sys.stderr):  # other libraries print while they download
        path, notes = inventory.get(task, cli.progress)
    for note in notes:
        cli.say(f"note: {note}")
    cli.say(f"the data of {task.name} are in {path}")
