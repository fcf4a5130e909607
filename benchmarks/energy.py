"""Our energy and speed beside what others measured on Loihi, untuned.

    python -m benchmarks.energy [--markdown docs/benchmarks/energy-validation.md]
        [--plot docs/benchmarks/energy-validation.png] [--json]

PilotNet on Loihi 2 beside Intel's measurement (`benchmarks.pilotnet_energy`), and a keyword spotter
on Loihi 1 beside its authors' (`benchmarks.keyword_energy`). The published figures stand in
`benchmarks.published_energy`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks import energy_page, energy_plot, energy_tables, keyword_energy, pilotnet_energy
from benchmarks.tables import table_of


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and write what is asked for."""
    given = _options().parse_args(argv)
    pilotnet = pilotnet_energy.run(given.images)
    keywords = keyword_energy.run(given.samples)
    if given.json:
        found = {"pilotnet": pilotnet.as_json(), "keyword_spotting": keywords.as_json()}
        print(json.dumps(found, indent=1))
    else:
        console = Console(width=None if sys.stdout.isatty() else 190, highlight=False)
        for cells in energy_tables.all_of(pilotnet, keywords):
            console.print(table_of(cells))
    if given.plot:
        energy_plot.draw(pilotnet, keywords, given.plot)
    if given.markdown:
        arguments = sys.argv[1:] if argv is None else list(argv)
        energy_page.write(pilotnet, keywords, given.markdown, given.plot, arguments)
    return 0


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--images", type=int, default=4, help="turned images of PilotNet")
    options.add_argument("--samples", type=int, default=64, help="of keyword spotting at each rate")
    options.add_argument("--json", action="store_true", help="print all figures as JSON instead")
    options.add_argument("--markdown", type=Path, help="write the page to this file")
    options.add_argument("--plot", type=Path, help="draw both comparisons to this PNG")
    return options


if __name__ == "__main__":
    sys.exit(main())
