"""Time Lava's stock simulator on a netx file, without its start and stop.

    python -m benchmarks.stock_lava NETWORK.net SPIKES.npy STEPS

Prints one JSON object: seconds for STEPS time steps after a warm-up, and the output spikes of the
first sample, so that the caller can check that both simulators did the same.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np

from models import lava_compat

lava_compat.prepare()

from lava.lib.dl.netx import hdf5  # noqa: E402
from lava.magma.core.run_conditions import RunSteps  # noqa: E402
from lava.magma.core.run_configs import Loihi2SimCfg  # noqa: E402
from lava.proc.io.sink import RingBuffer as Sink  # noqa: E402
from lava.proc.io.source import RingBuffer as Source  # noqa: E402


def main(path: str, spikes_path: str, steps: int) -> None:
    """Run the first sample to compare, then further samples to time."""
    spikes = np.load(spikes_path)
    length = spikes.shape[2]
    stream = spikes.transpose(1, 0, 2).reshape(spikes.shape[1], -1).astype(np.int32)
    network = hdf5.Network(net_config=path)
    source, sink = Source(data=stream), Sink(shape=network.out.shape, buffer=length)
    source.s_out.connect(network.inp)
    network.out.connect(sink.a_in)
    config = Loihi2SimCfg(select_tag="fixed_pt")
    network.run(condition=RunSteps(num_steps=length), run_cfg=config)
    first = np.asarray(sink.data.get()).astype(int)
    began = time.perf_counter()
    network.run(condition=RunSteps(num_steps=steps), run_cfg=config)
    seconds = time.perf_counter() - began
    network.stop()
    print(json.dumps({"seconds": seconds, "first_output": first.tolist()}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
