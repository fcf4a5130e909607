"""Run a network on samples batch by batch; `hw_sim.memory` limits the batch size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurodeploy.data.inputs import as_samples, for_samples
from neurodeploy.data.samples import Advance, Samples
from neurodeploy.hw_sim import backends, memory
from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.backends import Backend, RunOptions
from neurodeploy.hw_sim.memory import Need
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import QuantizedNetwork


def simulate(
    network: QuantizedNetwork,
    spikes: Samples | ArrayLike,
    *,
    backend: str = "fast",
    states: bool = False,
    threads: int | None = None,
    time_limit_s: float | None = None,
    advance: Advance | None = None,
) -> Activity:
    """Run every sample from cleared state and return the spikes of every layer.

    Args:
        network: the network to run.
        spikes: samples, or integers (batch, neurons, time) or, for one sample, (neurons, time);
            see `load_input`.
        backend: name of the backend: "fast", "lava" or "loihi2".
        states: whether to return u, v and the weighted input of every neuron and step.
        threads: CPU cores to use; all by default.
        time_limit_s: time limit of a run on Lava or Loihi, in seconds.
        advance: progress callback, called with the time steps done and the total.

    Returns:
        Spikes as integers (batch, neurons, time), one array per layer.

    Raises:
        InputError: if the spikes do not fit the network or the memory, or there is no such backend.
        BackendError: if the backend cannot run.

    Examples:
        >>> activity = neurodeploy.simulate(network, spikes, states=True)
        >>> [each.shape for each in activity.spikes], activity.states[0].voltage.dtype
        ([(5, 3, 30), (5, 2, 30)], dtype('int32'))
    """
    samples = as_samples(spikes, network)
    (chosen,) = choose_backends([backend], time_limit_s)
    options = RunOptions(states=states, threads=threads, time_limit_s=time_limit_s)
    runs = for_samples(network, samples)
    return _join(list(run_batches(runs, samples, chosen, options=options, advance=advance)))


def run_batches(
    network: QuantizedNetwork,
    samples: Samples,
    backend: Backend,
    *,
    options: RunOptions,
    advance: Advance | None = None,
    others: Sequence[Backend] = (),
) -> Iterator[Activity]:
    """Yield the activity of each batch; delete it before the next one to save memory.

    Args:
        network: the network to run, from `for_samples`.
        samples: the samples.
        backend: the backend.
        options: options of the backend.
        advance: progress callback, called with the time steps done and the total.
        others: backends that also run each batch; their memory limits the batch size too.

    Raises:
        InputError: if the samples do not fit the network, or one sample does not fit the memory.
        BackendError: if the backend cannot run.
    """
    batch = batch_size(network, samples, (backend, *others))
    for start in range(0, len(samples), batch):
        stop = min(start + batch, len(samples))
        asked = replace(options, progress=samples.progress_from(start, advance))
        yield backend.run(network, samples.part(start, stop), asked)
        if advance is not None:
            advance(stop * samples.num_steps, len(samples) * samples.num_steps)


def batch_size(network: QuantizedNetwork, samples: Samples, backends: Sequence[Backend]) -> int:
    """Return the number of samples per batch.

    Raises:
        InputError: if there is not enough memory for one sample.
    """
    reading = Need(0, samples.value_bytes * network.inputs * samples.num_steps)
    needs = [backend.memory(network, samples.num_steps) for backend in backends]
    most = [backend.batch for backend in backends if backend.batch is not None]
    return memory.batch_size(
        [reading, *needs], steps=samples.num_steps, most=min([len(samples), *most])
    )


def choose_backends(names: Sequence[str], time_limit_s: float | None) -> tuple[Backend, ...]:
    """Return the backends of these names.

    Raises:
        InputError: if there is no such backend, two are the same, or none supports a time limit.
    """
    chosen = tuple(map(backends.get, names))
    if len(set(names)) < len(names):
        raise InputError(
            f"two runs on one backend cannot differ: the backends are {' and '.join(names)}; name "
            "two that differ"
        )
    if time_limit_s is not None and not any(each.timed for each in chosen):
        timed = " or ".join(name for name, each in backends.BACKENDS.items() if each.timed)
        raise InputError(
            f"a time limit ends runs on {timed}, and the backend is {names[0]}; leave it out"
        )
    return chosen


def _join(parts: list[Activity]) -> Activity:
    """Join the activity of consecutive batches along the samples."""
    if len(parts) == 1:
        return parts[0]
    return Activity(
        np.concatenate([part.inputs for part in parts]),
        _joined([part.spikes for part in parts]),
        tuple(map(_joined_fields, zip(*(part.states for part in parts)))),
        tuple(map(_joined_fields, zip(*(part.overflows for part in parts)))),
        parts[-1].measured,
        None
        if parts[0].last_voltage is None
        else np.concatenate([part.last_voltage for part in parts if part.last_voltage is not None]),
    )


def _joined(layers: Sequence[tuple[NDArray[Any], ...]]) -> tuple[NDArray[Any], ...]:
    return tuple(map(np.concatenate, zip(*layers)))


def _joined_fields(parts: Sequence[Any]) -> Any:
    """Join the arrays of dataclasses of one kind, field by field."""
    names = vars(parts[0])
    return type(parts[0])(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    )
