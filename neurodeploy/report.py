"""Report what a network does and would cost: `python -m neurodeploy.report runs/har/model.net`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurodeploy import cli
from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.running import report_words
from neurodeploy.running.report_options import add_options

if TYPE_CHECKING:
    from neurodeploy.running.report_request import Request
    from neurodeploy.running.report_run import Outcome

DESCRIPTION = (
    "Run a network on its task's test samples, or on given ones, and report accuracy, spikes, "
    "SynOps, neurocores, and estimated energy and latency on Loihi."
)


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = cli.parser("report", DESCRIPTION)
    add_options(options)
    given = options.parse_args(argv)
    networks, given.compare = report_words.sort_out(given.network, given.compare or ())
    if not networks:
        options.error("the following arguments are required: model.net")
    if len(networks) > 1:
        report_words.check_options(given, networks)
        return _side_by_side(given, networks)
    from neurodeploy.running import report_run

    request = request_of(given)
    outcome = report_run.carry_out(request)
    written = write_pages(request, outcome)
    if given.json:
        cli.print_json(outcome.as_json())
    else:
        from neurodeploy.pages.terminal import checks
        from neurodeploy.pages.terminal import report as terminal

        terminal.show(outcome.report)
        checks.show(outcome)
        if request.spikes is not None:
            print(f"Wrote {request.spikes}: the spikes of every layer, layer_0, layer_1, ...")
        for line in written:
            print(line)
        _print_next(request, outcome.report.counted.samples)
    asked = tuple(outcome.report.estimated) if request.chips or request.costs else ()
    code = exit_code(outcome.report, asked=asked)
    differs = outcome.comparison is not None and not outcome.comparison.equal
    return cli.CHECK_FAILED if differs else code


def _side_by_side(given: argparse.Namespace, networks: Sequence[Path]) -> int:
    """Run several networks, print them side by side and return the exit code."""
    from neurodeploy.running import side_by_side

    requests = [replace(request_of(given), network=path) for path in networks]
    found = side_by_side.compare(requests)
    if given.json:
        cli.print_json(found.as_json())
    else:
        from neurodeploy.pages.terminal import beside

        beside.show(found)
        print("Next, all about one of them:")
        print(f"  {cli.next_command('report', *_words(requests[0]), data=given.data)}")
    reports = [entry.report for entry in found.entries]
    asked = tuple(reports[0].estimated) if given.chip or given.costs else ()
    return max(exit_code(made, asked=asked) for made in reports)


def write_pages(request: Request, outcome: Outcome) -> list[str]:
    """Write the page and the figures that were asked for; return what to say of them."""
    if request.html is None and request.plots is None:
        return []
    with cli.status("drawing"):
        from neurodeploy.pages.html import page
        from neurodeploy.pages.view import View

        view = View(outcome.report, outcome.sample)
        page.write(view, page=request.html, plots=request.plots)
    said = []
    if request.html is not None:
        said.append(f"Wrote {request.html}: the report as a page")
    if request.plots is not None:
        said.append(f"Wrote {request.plots}: its figures as PNG and SVG")
    return said


def request_of(given: argparse.Namespace) -> Request:
    """Return what the options ask for."""
    from neurodeploy.running.report_request import Request

    same = (
        "network", "data", "samples", "backend", "compare", "input", "transformed", "labels",
        "message_bits", "spike_exp", "spikes", "trace", "html", "plots", "raster",
    )  # fmt: skip
    return Request(
        **{name: getattr(given, name) for name in same},
        chips=given.chip or (),
        costs=given.costs or (),
        options=RunOptions(threads=given.threads, time_limit_s=given.time_limit),
    )


def _words(request: Request) -> list[str | Path]:
    """Return the words of a command that gives the same network, input and chips."""
    words: list[str | Path] = [request.network]
    if request.input is not None:
        words += ["--input", request.input, *["--transformed"] * request.transformed]
    for option in ("message_bits", "spike_exp"):
        if getattr(request, option) is not None:
            words += [f"--{option.replace('_', '-')}", str(getattr(request, option))]
    return words + cli.chip_words(request.chips, request.costs)


def _print_next(request: Request, samples: int) -> None:
    words = _words(request)
    few = request.samples is not None or samples > 16
    compare = ["--compare", "lava", *["--samples", str(min(samples, 16))] * few]
    nexts = [["--json"]] if request.compare else [compare, ["--json"]]
    print("Next, " + "side by side with Lava's simulator, or " * (len(nexts) > 1) + "as JSON:")
    for more in nexts:
        print(f"  {cli.next_command('report', *words, *more, data=request.data)}")


def exit_code(report: Any, *, asked: Sequence[str] = ()) -> int:
    """Return CHECK_FAILED unless each chip asked for, or any when none was, holds the network."""
    fits = {name: not each.problems for name, each in report.estimated.items()}
    held = all(fits[name] for name in asked) if asked else any(fits.values())
    return cli.DONE if held else cli.CHECK_FAILED


if __name__ == "__main__":
    sys.exit(main())
