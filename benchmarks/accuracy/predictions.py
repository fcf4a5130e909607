"""Compare a trained network with the quantized network on all test samples.

    python -m benchmarks.accuracy.predictions runs/har/model.pt runs/har/model.net

The trained network runs on lava-dl's own dynamics, the quantized network on `fast`. Prints one JSON
object: predictions of both, accuracy of the trained network, and number of spikes that differ.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neurodeploy.commands import cli

BATCH = 128


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("trained", type=Path, metavar="model.pt")
    options.add_argument("network", type=Path, metavar="model.net")
    cli.add_threads_option(options)
    args = options.parse_args(argv)
    print(json.dumps(compare(args.trained, args.network, args.threads)))
    return cli.DONE


def compare(trained: Path, path: Path, threads: int | None = None) -> dict[str, Any]:
    """Return the predictions of both networks as JSON values."""
    import torch

    from neurodeploy.data.task_data import task_samples
    from neurodeploy.export import netx
    from neurodeploy.hw_sim.backends import BACKENDS, RunOptions
    from neurodeploy.hw_sim.readout import outputs
    from neurodeploy.models.blocks import layer_spikes
    from neurodeploy.train import checkpoint

    cli.use_threads(threads)
    floating, network = checkpoint.load(trained).network("stock"), netx.read(path)
    samples = task_samples(network.task)
    found: dict[str, list[int]] = {"trained": [], "quantized": []}
    different = 0
    for start in range(0, len(samples), BATCH):
        chosen = samples.part(start, min(start + BATCH, len(samples)))
        activity = BACKENDS["fast"].run(network, chosen, RunOptions(threads=threads))
        values = chosen.reshape(len(chosen), *network.input_shape, chosen.shape[2])
        with torch.no_grad():
            expected = layer_spikes(floating, torch.from_numpy(values).float())
        found["trained"] += expected[-1].sum(2).argmax(1).tolist()
        found["quantized"] += outputs(network, activity).argmax(1).tolist()
        for one, other in zip(expected, activity.spikes, strict=True):
            different += int(np.count_nonzero(one.numpy() != other))
    correct = float((np.asarray(found["trained"]) == np.asarray(samples.labels)).mean())
    return {**found, "trained_accuracy": correct, "different_spikes": different}


if __name__ == "__main__":
    sys.exit(main())
