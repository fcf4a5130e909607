"""Run the networks of a folder with stock lava-dl: each NAME.net on NAME.npy, in Lava's order.

    python -m stock_netx FOLDER

NAME.layers, if present, holds the number of layers to load. The output goes to NAME.out.npy, or the
name of netx's error to NAME.error. The fixture `stock_netx` copies this file into the folder.
"""

from __future__ import annotations

import sys

import numpy as np

from neurodeploy.hw_sim.simulators.process import run_worker
from neurodeploy.models import lava_compat
from neurodeploy.models.blocks import slayer  # noqa: F401  in half the time that netx would take

lava_compat.prepare()

from lava.lib.dl.netx import hdf5  # noqa: E402
from lava.magma.core.run_conditions import RunSteps  # noqa: E402
from lava.magma.core.run_configs import Loihi2SimCfg  # noqa: E402
from lava.proc.io import sink, source  # noqa: E402


def feed(network, values, steps):
    """Connect the input; input neurons take an image, the same in every step."""
    first = network.in_layer
    if not hasattr(first, "transform"):
        source.RingBuffer(data=values).s_out.connect(network.inp)
    elif hasattr(first.neuron, "bias_mant"):
        first.neuron.bias_mant.init = values[..., 0]
    else:
        source.RingBuffer(data=values[..., :1]).s_out.connect(first.neuron.a_in)


def run(job, watch):
    for path in sorted(job.glob("*.net")):
        values, limit = np.load(path.with_suffix(".npy")), path.with_suffix(".layers")
        try:
            layers = int(limit.read_text()) if limit.exists() else None
            network = hdf5.Network(net_config=str(path), num_layers=layers)
        except Exception as error:
            path.with_suffix(".error").write_text(type(error).__name__)
            continue
        steps = values.shape[-1]
        receiver = sink.RingBuffer(shape=network.out.shape, buffer=steps)
        network.out.connect(receiver.a_in)
        feed(network, values, steps)
        config = Loihi2SimCfg(select_tag="fixed_pt")
        receiver.create_runtime(config)
        watch.runtime = receiver.runtime
        receiver.run(condition=RunSteps(num_steps=steps), run_cfg=config)
        np.save(path.with_suffix(".out"), receiver.data.get())
        watch.runtime = None
        receiver.stop()


if __name__ == "__main__":
    run_worker(run, sys.argv[1])
