"""Time Lava's stock simulator on a netx file, without its start and stop.

Lava is unmodified except for one fix: its convolution stores sizes as int8, which NumPy 2 rejects
for images wider than 127. Here they are int32.

    python -m benchmarks.stock_lava NETWORK.net SPIKES.npy STEPS

Prints one JSON object: seconds for STEPS time steps after a warm-up, and the output spikes of the
first sample, so that the caller can compare both simulators.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models import lava_compat
from neurodeploy.models.lava_compat import from_lava, to_lava

lava_compat.prepare()

from lava.lib.dl.netx import hdf5  # noqa: E402
from lava.lib.dl.netx.blocks.process import Input  # noqa: E402
from lava.magma.core.model.py.type import LavaPyType  # noqa: E402
from lava.magma.core.run_conditions import RunSteps  # noqa: E402
from lava.magma.core.run_configs import Loihi2SimCfg  # noqa: E402
from lava.proc.conv.models import PyConvModelFixed  # noqa: E402
from lava.proc.io.sink import RingBuffer as Sink  # noqa: E402
from lava.proc.io.source import RingBuffer as Source  # noqa: E402


def run(
    path: str, stream: NDArray[Any], lengths: Sequence[int]
) -> tuple[list[float], NDArray[np.uint8]]:
    """Run a stream in pieces.

    Args:
        path: path of a netx file.
        stream: spikes (channels, steps), 0 or 1; for a network with input neurons, an image that is
            constant in time.
        lengths: steps of each piece; the first one includes the start.

    Returns:
        The duration of each piece in seconds, and the output spikes (neurons, steps) of all.
    """
    widen_sizes_of_convolutions()
    network = hdf5.Network(net_config=path)
    sink = Sink(shape=network.out.shape, buffer=sum(lengths))
    if isinstance(network.in_layer, Input):
        shape = tuple(reversed(network.in_layer.shape))
        network.in_layer.neuron.bias_mant.init = to_lava(stream[:, 0].astype(np.int32), shape)
    else:
        Source(data=stream.astype(np.int32)).s_out.connect(network.inp)
    network.out.connect(sink.a_in)
    config = Loihi2SimCfg(select_tag="fixed_pt")
    seconds = []
    for length in lengths:
        began = time.perf_counter()
        network.run(condition=RunSteps(num_steps=length), run_cfg=config)
        seconds.append(time.perf_counter() - began)
    output = np.asarray(sink.data.get()).astype(np.uint8)
    network.stop()
    return seconds, from_lava(output, tuple(reversed(network.out.shape)))


def widen_sizes_of_convolutions() -> None:
    """Let Lava's convolution store sizes above 127."""
    for name in ("kernel_size", "stride", "padding", "dilation", "groups"):
        setattr(PyConvModelFixed, name, LavaPyType(np.ndarray, np.int32, precision=8))


def main(path: str, spikes_path: str, steps: int) -> None:
    """Run the first sample to compare, then further samples to time."""
    spikes = np.load(spikes_path)
    length = spikes.shape[2]
    stream = spikes.transpose(1, 0, 2).reshape(spikes.shape[1], -1)
    seconds, output = run(path, stream, (length, steps))
    print(json.dumps({"seconds": seconds[1], "first_output": output[:, :length].tolist()}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
