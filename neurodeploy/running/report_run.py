"""What the command `report` does before it prints: read, run, compare, trace."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from neurodeploy import cli
from neurodeploy.export import netx
from neurodeploy.export.netx import Defaults
from neurodeploy.hw_sim import backends
from neurodeploy.hw_sim.chips import chip
from neurodeploy.hw_sim.readout import readout
from neurodeploy.hw_sim.reports import report
from neurodeploy.hw_sim.reports.report import Report
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import InputLayer, QuantizedNetwork
from neurodeploy.running import (
    evaluation,
    given_input,
    provenance,
    report_files,
    spike_file,
    trained_network,
)
from neurodeploy.running.comparison import BackendComparison, Comparison
from neurodeploy.running.evaluation import Evaluation, Watch
from neurodeploy.running.kept_sample import KeptSample, SampleKeeper
from neurodeploy.running.measures import Measures
from neurodeploy.running.report_request import Request
from neurodeploy.running.trace import Trace, Tracer
from neurodeploy.samples import Samples


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a request.

    Attributes:
        report: counted and estimated.
        comparison: with another backend, or with the trained network, None when not asked for.
        trace: of the layers, None when not asked for.
        sample: the one that pages and figures show, None where none is asked for.
    """

    report: Report
    comparison: Comparison | None = None
    trace: Trace | None = None
    sample: KeptSample | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON values, with what else was asked for."""
        found = {"comparison": self.comparison, "trace": self.trace}
        asked = {name: each.as_json() for name, each in found.items() if each is not None}
        return {**self.report.as_json(), **asked}


def carry_out(request: Request) -> Outcome:
    """Run the network and return what was asked for.

    Raises:
        InputError: when files or options do not fit one another or the machine.
        BackendError: when a backend cannot run.
    """
    check(request)
    chips = chip.choose(request.chips, request.costs)
    network = read(request)
    runs, inputs = open_samples(request, network)
    measures = Measures(runs, chips, inputs.labels)
    shown = request.html is not None or request.plots is not None
    keeper = SampleKeeper(runs, inputs, request.raster or 0) if shown else None
    watches = [*measures.watches, *([] if keeper is None else [keeper.add])]
    done, comparison, trace = _run(request, runs, inputs, watches)
    if trace is not None and comparison is None and request.input is None:
        comparison, note = trained_network.compare(request.network, network, inputs)
        trace = replace(trace, notes=(*trace.notes, *filter(None, [note])))
    made = report.build(
        network,
        done.counts,
        **measures.results(),
        score=done.score,
        measured=done.measured,
        provenance=provenance.of_run(network, inputs, done, backend=request.backend, chips=chips),
        answers=readout(network, done.outputs, inputs.numbers[: len(done.outputs)]),
    )
    return Outcome(made, comparison, trace, None if keeper is None else keeper.result())


def check(request: Request) -> None:
    """Raise InputError where options contradict one another, before anything is read."""
    if request.input is None:
        for name in ("transformed", "labels"):
            if getattr(request, name):
                raise InputError(f"--{name} says more about --input, which is missing; give both")
    elif request.data is not None:
        raise InputError("--data is for the task's samples and --input brings others; give one")
    if request.compare == request.backend:
        raise InputError(
            f"--compare and --backend are both {request.backend}; name two that differ"
        )
    used = [backends.get(name) for name in _names(request)]
    if request.options.time_limit_s is not None and not any(each.timed for each in used):
        raise InputError(
            f"--time-limit ends runs on Lava or Loihi, and --backend {request.backend} has none; "
            "leave it out"
        )
    report_files.check(request)


def _names(request: Request) -> tuple[str, ...]:
    return (request.backend, *filter(None, [request.compare]))


def read(request: Request) -> QuantizedNetwork:
    """Return the network in the file, which lava-dl's files leave open in two points.

    Raises:
        InputError: when it cannot be read, or says otherwise than --message-bits or --spike-exp.
    """
    asked = {"message_bits": request.message_bits, "spike_exp": request.spike_exp}
    given = {name: value for name, value in asked.items() if value is not None}
    network = netx.read(request.network, replace(Defaults(), **given))
    if "message_bits" in given and isinstance(network.layers[0], InputLayer):
        raise InputError(
            f"{request.network}: its first layer is an input with neurons, which takes values and "
            "no graded spikes; leave --message-bits out"
        )
    exponents = {
        layer.neuron.spike_exp for layer in network.layers if hasattr(layer.neuron, "spike_exp")
    }
    if "spike_exp" in given and not exponents:
        raise InputError(f"{request.network} has no sigma-delta neurons; leave --spike-exp out")
    for name, carried in (("message_bits", {network.message_bits}), ("spike_exp", exponents)):
        if name in given and carried != {given[name]}:
            raise InputError(
                f"{request.network} says itself that {name} is "
                f"{', '.join(map(str, sorted(carried)))} and --{name.replace('_', '-')} "
                f"{given[name]}; leave the option out"
            )
    return network


def open_samples(request: Request, network: QuantizedNetwork) -> tuple[QuantizedNetwork, Samples]:
    """Return the network that takes the samples as they come, and the samples."""
    if request.input is not None:
        return given_input.open_input(
            network,
            request.input,
            transformed=request.transformed,
            samples=request.samples,
            labels=request.labels,
        )
    with cli.reading():
        return network, evaluation.of_task(network.task, request.data, request.samples)


def _run(
    request: Request, network: QuantizedNetwork, inputs: Samples, watches: list[Watch]
) -> tuple[Evaluation, Comparison | None, Trace | None]:
    """Run all samples, once, and let whoever is asked for watch."""
    first, *others = (backends.get(name) for name in _names(request))
    tracer = Tracer(network) if request.trace else None
    with ExitStack() as stack:
        title = f"running on {' and '.join(_names(request))}"
        advance = stack.enter_context(cli.progress(title))
        if tracer is not None:
            watches.append(tracer.add)
        if request.spikes is not None:
            writing = spike_file.writing(request.spikes, network, inputs)
            watches.append(stack.enter_context(writing))
        compared = None
        if others:
            compared = BackendComparison(
                network, (first, others[0]), request.options, inputs, advance
            )
            watches.append(compared.add)
        done = evaluation.evaluate(
            network, inputs, first, options=request.options, advance=advance, watches=watches,
            others=others,
        )  # fmt: skip
        comparison = None if compared is None else compared.result()
    return done, comparison, None if tracer is None else tracer.result()
