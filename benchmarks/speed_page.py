"""The page on speed: every table as Markdown, with how and where it was measured."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.compare import PEERS
from benchmarks.results import Result
from benchmarks.tables import cells_of, markdown_of, random_cells

COLUMNS = """\
Each simulator runs in a process of its own, start and stop left out; simulators whose dependencies
conflict with Lava's run in environments that uv makes for them. What comes out is compared with the
spikes of neurodeploy's `fast`, spike by spike.

- **us**: microseconds a time step and sample, median; one sample at a time (another each time), or
  many at once. Simulators that cannot clear their state run the samples as one stream.
- **samples/s**: samples a second, with the better number of threads.
- **of limit**: the share of this machine's limit, one thread: the time that the neuron updates and
  SynOps take in loops that do nothing else (`benchmarks/limits.py`), measured in the same run,
  divided by the time of the simulator.
- **x Lava**: how many times faster than Lava's stock simulator, one sample at a time, its better
  number of threads. It runs each process model in a process of its own, whatever that number.
- **peak MB**: memory of the largest process.
- **exact?**: whether every spike of the last layer is the expected one, of how many; if not, how
  many neuron steps differ for each expected spike. Simulators without delays of single neurons run
  the network without delays; their ratio is still to Lava with delays, which take most of its time
  (compare W1 with W1b).
"""

NETWORKS = """\
- **W1**: 12-128-128-6, seeded weights and input, 5% firing, axonal delays of 0 to 30 steps;
  **W1b**: the same without delays.
- **N-TIDIGITS**: lava-dl's network for spoken digits, 64-256-256-242, dendritic delays; the
  utterance that it ships, and the same one turned in time.
- **PilotNet**: lava-dl's network that steers a car from images of 200 x 66 pixels, without its last
  neuron, which never fires; the image that it ships, and the same one turned sideways. Lava's
  convolution keeps sizes in int8, which numpy 2 refuses there; they are int32 here.
- **HAR** and others by their task: a network of `neurodeploy.deploy` on all its test samples. Only
  `fast` runs over 256 at once.
- **Random**: 64 inputs, a wide and a narrow layer, or two of each; seeded, no delays.
"""


def write(results: Sequence[Result], path: Path, plot: Path | None) -> None:
    """Write the page; `plot` is the picture of `benchmarks.speed_plot`, if any."""
    named = [result for result in results if result.rate is None]
    drawn = [result for result in results if result.rate is not None]
    parts = ["# Speed, side by side\n", origin("benchmarks.simulators"), COLUMNS, NETWORKS]
    parts += [markdown_of(cells_of(result)) for result in named]
    if drawn:
        parts.append(markdown_of(random_cells(drawn)))
    if plot:
        parts.append(f"![time against work]({os.path.relpath(plot, path.parent)})\n")
    parts.append(_versions(results))
    path.write_text("\n".join(parts))


def origin(program: str) -> str:
    """Return the command by which a program was started, the date and the machine."""
    command = shlex.join(["python", "-m", program, *sys.argv[1:]])
    day = datetime.now(timezone.utc).date()
    cores = os.cpu_count() or 1
    return (
        f"Written on {day} by\n\n    {command}\n\n"
        f"on {cores} core{'s' * (cores > 1)} of: {processor()}; {platform.system()}, "
        f"Python {platform.python_version()}.\n"
    )


def processor() -> str:
    """Return the processor's name."""
    table = Path("/proc/cpuinfo")
    if table.exists():
        for line in table.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _versions(results: Sequence[Result]) -> str:
    """Return a table of the versions of each simulator's packages."""
    rows = ["## Versions\n", "| simulator | packages |", "|---|---|"]
    for name, peer in PEERS.items():
        found = [each for result in results for each in result.figures(name).values()]
        if found:
            packages = (f"{key} {value}" for key, value in found[0]["versions"].items())
            rows.append(f"| {peer.title} | {', '.join(packages)} |")
    return "\n".join(rows) + "\n"
