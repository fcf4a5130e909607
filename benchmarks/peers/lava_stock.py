"""Lava's stock simulator: netx and `Loihi2SimCfg(select_tag="fixed_pt")`, without start and stop.

python -m benchmarks.peers.lava_stock WORKLOAD.npz

Lava runs one process for each process model, whatever the threads asked for; those set the threads
of numpy's matrix products in each.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import stock_lava
from benchmarks.peers import measuring
from benchmarks.peers.own_network import network_of
from benchmarks.peers.workload_file import Workload
from neurodeploy.export import netx

FIRST, PIECES, PIECE = 128, 3, 64
"""Steps of the first piece, which pays for the start; then so many pieces of so many steps."""


def measure(workload: Workload, options: measuring.Options) -> measuring.Findings:
    """Measure Lava on 320 steps of the stream, or fewer where it ends, and compare them all.

    Lava's convolution, run here with wider sizes, is the one thing that is not as installed.
    """
    lengths = [FIRST, *PIECES * [PIECE]]
    while sum(lengths) > workload.stream.shape[1]:
        lengths = [max(1, length // 2) for length in lengths]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.net"
        if workload.netx:
            path.write_bytes(workload.netx)
        else:
            netx.write(network_of(workload), path)
        seconds, output = stock_lava.run(str(path), workload.stream[:, : sum(lengths)], lengths)
    microseconds = [1e6 * s / length for s, length in zip(seconds[1:], lengths[1:])]
    counts = measuring.count_different(output, workload.stream_expected, steps=sum(lengths))
    return measuring.Findings(
        measuring.spread(microseconds), None, 0,
        seconds[0] - 1e-6 * lengths[0] * measuring.spread(microseconds)["median"], **counts,
        leaves_out=("clearing between samples",),
    )  # fmt: skip


if __name__ == "__main__":
    measuring.main(measure, ("lava-nc", "lava-dl"))
