"""The Loihi backend: the process graph on a Loihi 2, through Intel's hardware packages.

Only members of Intel's research community have access to these packages. This backend was written
from public code that uses them and is tested with stand-ins. So each run is compared with the
`fast` backend, and results with any different spike are refused.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.activity import Activity, Breakdown, Measured, check_input
from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.chips import CHIPS
from neurodeploy.hw_sim.design_rules import delays_fit, weights_fit
from neurodeploy.hw_sim.placement import place
from neurodeploy.hw_sim.simulators import fast, lava
from neurodeploy.hw_sim.simulators.process import Job, job_folder, run_job
from neurodeploy.models.errors import BackendError, DesignRuleError, InputError
from neurodeploy.models.network import InputLayer, QuantizedNetwork

START_LIMIT_S = 600.0
SAMPLE_LIMIT_S = 60.0

MODULES: Final = (
    "lava.utils.loihi2_profiler",
    "lava.utils.loihi2_profiler_api",
    "lava.proc.embedded_io.spike",
)
"""Modules that Intel's hardware packages add to Lava; Lava itself looks for the first.

Source: `lava.utils.loihi.is_installed` (lava-nc 0.10.0).
"""


def run(
    network: QuantizedNetwork,
    spikes: NDArray[Any],
    options: RunOptions = RunOptions(),
) -> Activity:
    """Run every sample from cleared state for its whole length, each in its own run.

    Args:
        network: the network.
        spikes: 0 or 1, integers (batch, channels, time).
        options: `progress` and `time_limit_s` apply; the default limit is ten minutes plus one
            minute per sample.

    Raises:
        InputError: when the spikes do not fit the network, the chip cannot hold its weights and
            delays exactly, or states are requested.
        BackendError: when Intel's packages are missing, raise or exceed the time limit, or the
            chip's spikes differ from those of `fast`.
    """
    inputs = check_input(network, spikes)
    check_installed()
    if options.states:
        raise InputError("the states stay on the chip; run with --backend fast or lava for states")
    check_binary(network)
    check_exact(network)
    activity = _run(network, inputs, options)
    check_equal(activity, fast.run(network, inputs, options))
    return activity


def check_installed() -> None:
    """Raise BackendError unless all modules of Intel's hardware packages can be found."""
    missing = [name for name in MODULES if not _is_present(name)]
    if missing:
        raise BackendError(
            f"Intel's hardware packages are not installed ({', '.join(missing)} not found); "
            "run with --backend fast or lava, which give the chip's spikes without it"
        )


def _is_present(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # a package above it is missing
        return False


def check_binary(network: QuantizedNetwork) -> None:
    """Raise InputError unless all input and output spikes of the chip are 0 or 1."""
    graded = network.message_bits or any(layer.neuron.graded for layer in network.layers)
    if graded or isinstance(network.layers[0], InputLayer) or network.readout != "spikes":
        raise InputError(
            "on Loihi only networks run that take and send spikes of 0 or 1; run with --backend "
            "fast or lava"
        )


def check_exact(network: QuantizedNetwork) -> None:
    """Raise DesignRuleError if the chip cannot store the weights or delays exactly.

    Intel's compiler checks whether the network fits.
    """
    placement = place(network, CHIPS["loihi2"])
    problems = [*weights_fit(network, placement), *delays_fit(network, placement)]
    if problems:
        raise DesignRuleError("the network", problems)


def check_equal(activity: Activity, expected: Activity) -> None:
    """Raise BackendError, which names the first difference, unless all spikes are equal."""
    for index, (spikes, reference) in enumerate(zip(activity.spikes, expected.spikes)):
        different = np.argwhere(spikes != reference)
        if len(different):
            sample, neuron, step = different[0]
            raise BackendError(
                f"the chip's spikes differ from those of --backend fast {len(different)} times, "
                f"first in layer {index}, sample {sample}, neuron {neuron}, step {step}; "
                "its results are not used, run with --backend fast or lava"
            )


def _run(network: QuantizedNetwork, inputs: NDArray[Any], options: RunOptions) -> Activity:
    batch, _, steps = inputs.shape
    limit = options.time_limit_s
    if limit is None:
        limit = START_LIMIT_S + SAMPLE_LIMIT_S * batch
    with job_folder(network, inputs) as folder:
        run_job(
            Job(
                "neurodeploy.hw_sim.simulators.loihi_worker",
                folder,
                "Loihi",
                batch * steps,
                limit,
                options.progress,
            )
        )
        return Activity(
            inputs,
            tuple(
                np.load(folder / f"layer_{index}_spikes.npy")
                for index in range(len(network.layers))
            ),
            measured=summarize(json.loads((folder / "measured.json").read_text()), steps=steps),
        )


def summarize(samples: Sequence[dict[str, Any]], *, steps: int) -> Measured:
    """Return the means of the profiler's results, one dict of power_w and energy_uj per sample.

    The time of a step is energy / power / steps, if every power is positive; near its noise level
    the profiler also returns powers of 0 or less.
    """
    power = np.array([sample["power_w"] for sample in samples])
    energy = np.array([sample["energy_uj"] for sample in samples])
    timed = bool((power[:, 0] > 0).all())
    return Measured(
        num_samples=len(samples),
        power_w=Breakdown(*power.mean(axis=0).tolist()),
        energy_per_sample_uj=Breakdown(*energy.mean(axis=0).tolist()),
        time_per_step_us=float((energy[:, 0] / power[:, 0]).mean() / steps) if timed else None,
    )


memory = lava.memory  # both build Lava's graph
