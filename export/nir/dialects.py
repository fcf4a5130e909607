"""Dialects of NIR: what the frameworks mean by the same neuron node.

NIR describes neurons by differential equations. Each framework solves them in its own way, and its
exporter writes parameters that fit this way. A dialect is the discrete step that a framework takes;
`dynamics` translates a node into it. The equations were read in the sources of snnTorch 1.0, Norse
1.1, SpikingJelly 2.0, sinabs 3.1 and Rockpool 3.1, and tests compare the spikes.

All dialects share the order of `Dynamics`: the current is updated before the voltage, which takes
the new current, and a neuron in a cycle sees the spikes of the step before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, Literal

import nir
import numpy as np

from neurodeploy.export.nir import metadata
from neurodeploy.export.nir.nodes import NEURONS
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError
from neurodeploy.models.float_network import Dynamics, FloatArray, Reset

Start = Literal["zero", "leak", "reset"]

RESET_NAMES: Final[Mapping[str, Reset]] = MappingProxyType(
    {"zero": "value", "value": "value", "subtract": "subtract", "none": "none"}
)
"""Names of resets in options -> those of `Dynamics`; "zero" is snnTorch's word."""
TOLERANCE: Final = 1e-5
"""Relative difference of parameters that float32 explains."""


@dataclass(frozen=True, repr=False)
class Dialect(Shown):
    """How a framework steps the neurons that it writes to NIR.

    Attributes:
        name: key of `DIALECTS`.
        title: name of the framework.
        dt_s: time step that the framework's exporter assumes, in seconds; None if it has none.
        unit: "seconds" or "steps", the unit of time constants.
        exponential: whether a state keeps exp(-dt / tau) per step instead of 1 - dt / tau.
        strict: whether a neuron fires above its threshold only, not at it.
        start: voltage before the first step: zero, `v_leak` or `v_reset`.
        reset: what happens after a spike; "value" is what NIR says: `v_reset`.
        reset_delay: whether the reset acts one step later.
        multi_spike: whether a neuron can emit several spikes per step.
        norm_input: whether the input of a leaky neuron is scaled by 1 - exp(-1 / tau), in sinabs;
            None: as the framework's classes do by default, LIF scaled and LI not.
        options: fields that the framework can set and the file does not tell.
        default: how the framework's own defaults differ from these fields, as field -> value.
        nodes: names of the neuron nodes that have a meaning in this dialect.
        layers: dialects of single nodes by name, where a module's layers differ.
    """

    name: str
    title: str
    dt_s: float | None = None
    unit: Literal["seconds", "steps"] = "seconds"
    exponential: bool = False
    strict: bool = True
    start: Start = "zero"
    reset: Reset = "value"
    reset_delay: bool = False
    multi_spike: bool = False
    norm_input: bool | None = None
    options: tuple[str, ...] = ()
    default: tuple[tuple[str, Any], ...] = ()
    nodes: tuple[str, ...] = tuple(node.__name__ for node in NEURONS)
    layers: tuple[tuple[str, Dialect], ...] = ()

    def of(self, name: str) -> Dialect:
        """Return the dialect of a node."""
        return dict(self.layers).get(name, self)

    def with_options(
        self,
        *,
        reset: str | None = None,
        reset_delay: bool | None = None,
        multi_spike: bool | None = None,
        norm_input: bool | None = None,
    ) -> Dialect:
        """Return the dialect with options set; None leaves a field as it is.

        Raises:
            InputError: when the framework has no such option.
        """
        if reset is not None and reset not in RESET_NAMES:
            raise InputError(f"the reset is {reset!r}; choose from {', '.join(RESET_NAMES)}")
        values: dict[str, Any] = {
            "reset": None if reset is None else RESET_NAMES[reset],
            "reset_delay": reset_delay,
            "multi_spike": multi_spike,
            "norm_input": norm_input,
        }
        changed = {
            key: value
            for key, value in values.items()
            if value is not None and value != getattr(self, key)
        }
        for key, value in changed.items():
            if key not in self.options:
                has = f"only {', '.join(self.options)}" if self.options else "no options"
                raise InputError(
                    f"{key} is {value!r}, and the dialect {self.name} has {has}; leave it out or "
                    "choose another dialect"
                )
        return replace(self, **changed)

    def difference(self) -> str:
        """Return how the framework's own defaults differ from this reading, or ""."""
        own = [(key, value) for key, value in self.default if getattr(self, key) != value]
        if not own:
            return ""
        texts = [f"{key}={_OPTION_TEXT.get((key, value), value)}" for key, value in own]
        flags = [
            f"--{key.replace('_', '-')}{'' if value is True else f' {value}'}" for key, value in own
        ]
        return (
            f"{self.title}'s own default is {', '.join(texts)}, which the file cannot tell; set it "
            f"({' '.join(flags)}) if the network was trained so"
        )


_OPTION_TEXT: Final = {("reset", "value"): "zero"}
_FILE_OPTIONS: Final = ("reset", "reset_delay", "multi_spike")

DIALECTS: Final[Mapping[str, Dialect]] = MappingProxyType(
    {
        dialect.name: dialect
        for dialect in (
            Dialect("plain", "NIR", options=_FILE_OPTIONS),
            Dialect(
                "snntorch", "snnTorch", dt_s=1e-4, options=("reset", "reset_delay"),
                default=(("reset", "subtract"), ("reset_delay", True)),
            ),
            Dialect("norse", "Norse", dt_s=1e-3, start="leak", options=("reset",)),
            Dialect(
                "spikingjelly", "SpikingJelly", dt_s=1e-4, strict=False, start="reset",
                options=("reset",),
            ),
            Dialect(
                "sinabs", "sinabs", unit="steps", exponential=True, strict=False,
                options=("reset", "multi_spike", "norm_input"),
                default=(("reset", "subtract"), ("multi_spike", True)),
                nodes=("IF", "LIF", "LI", "Threshold"),
            ),
            Dialect(
                "rockpool", "Rockpool", dt_s=1e-3, exponential=True, strict=False,
                reset="subtract", options=("reset", "multi_spike"),
                default=(("multi_spike", True),),
                nodes=("LIF", "LI", "CubaLIF", "Threshold"),
            ),
        )
    }
)  # fmt: skip


@dataclass(frozen=True)
class _Step:
    """A node's parameters and the shares of its states that one step keeps.

    Attributes:
        node: the NIR node.
        get: returns a parameter as float64, (1,) or (neurons,).
        dt: time step in the unit of the time constants.
        syn: share of the current kept, or 0 without a current filter.
        mem: share of the voltage kept, or 1 without a leak.
    """

    node: Any
    get: Callable[[str], FloatArray]
    dt: float | None
    syn: FloatArray
    mem: FloatArray


Gains = tuple[FloatArray, FloatArray]
"""`input_gain` and `current_gain` of `Dynamics`."""
ONE: Final = np.ones(1)


def _euler_gains(step: _Step) -> Gains:
    """Return the gains of forward Euler: dt / tau_syn * w_in, and dt / tau_mem * r."""
    assert step.dt is not None
    if isinstance(step.node, nir.Threshold):
        return ONE, ONE
    if isinstance(step.node, nir.I | nir.IF):
        return ONE, step.dt * step.get("r")
    if isinstance(step.node, nir.CubaLI | nir.CubaLIF):
        return (1 - step.syn) * step.get("w_in"), (1 - step.mem) * step.get("r")
    return ONE, (1 - step.mem) * step.get("r")


def _norse_gains(step: _Step) -> Gains:
    """Return Norse's gains: IAFCell adds its input, and LIFCell adds it to the current.

    Norse's exporter writes r = 1 for IF, and does not write w_in, which then is 1. A file in which
    w_in was set to tau_syn / dt means the same.
    """
    if isinstance(step.node, nir.IF):
        return ONE, ONE
    if isinstance(step.node, nir.CubaLIF) and (step.get("w_in") == 1).all():
        return ONE, _euler_gains(step)[1]
    return _euler_gains(step)


def _sinabs_gains(step: _Step, norm_input: bool | None) -> Gains:
    """Return sinabs' gains: 1 - exp(-1 / tau) with `norm_input`, else 1, whatever r says."""
    if norm_input is None:
        norm_input = isinstance(step.node, nir.LIF)
    if norm_input and isinstance(step.node, nir.LIF | nir.LI):
        return ONE, 1 - step.mem
    return ONE, ONE


def _rockpool_gains(step: _Step) -> Gains:
    """Return Rockpool's gains: the input is added before the current decays, whatever r says."""
    if isinstance(step.node, nir.CubaLIF):
        return step.syn * step.get("w_in"), ONE
    if isinstance(step.node, nir.LI):
        return ONE, step.mem
    return ONE, ONE


def _gains(step: _Step, dialect: Dialect) -> Gains:
    if dialect.name == "sinabs":
        return _sinabs_gains(step, dialect.norm_input)
    return {"norse": _norse_gains, "rockpool": _rockpool_gains}.get(dialect.name, _euler_gains)(
        step
    )


def dynamics(node: Any, dialect: Dialect, dt_s: float | None, name: str) -> Dynamics:
    """Translate a neuron node into the step that its framework takes.

    The voltage of `Dynamics` starts at 0. Where the framework's starts elsewhere, it is counted
    from there, with the threshold and the reset.

    Args:
        node: one of `NEURONS`, as `graph.checked` returns it.
        dialect: an entry of `DIALECTS`, with its options.
        dt_s: time step in seconds, see `time_step`; not needed where time constants are in steps.
        name: name of the node, for messages. snnTorch's exporter calls the neurons of a recurrent
            layer `<layer>.lif`.

    Raises:
        InputError: names the node and the parameter that has no meaning in this dialect.
    """
    dialect = dialect.of(name)
    kind = type(node).__name__
    if kind not in dialect.nodes:
        raise InputError(
            f"node {name} is {kind}, which has no meaning in the dialect {dialect.name}; its nodes "
            f"are {', '.join(dialect.nodes)}; choose another dialect"
        )
    if dialect.unit == "seconds" and dt_s is None and kind != "Threshold":
        raise InputError(f"node {name} needs the time step; set dt")
    dt = 1.0 if dialect.unit == "steps" or dt_s is None else dt_s

    def get(key: str) -> FloatArray:
        return _parameter(node, key)

    syn = (
        _kept(get("tau_syn"), dt, dialect, name, "tau_syn") if hasattr(node, "tau_syn") else 0 * ONE
    )
    tau = next((key for key in ("tau_mem", "tau") if hasattr(node, key)), "")
    mem = _kept(get(tau), dt, dialect, name, tau) if tau else ONE
    if kind == "Threshold":
        return _threshold(get("threshold"), dialect)
    step = _Step(node, get, dt, syn, mem)
    input_gain, current_gain = _gains(step, dialect)
    start = _start(step, dialect)
    leak = (1 - mem) * (get("v_leak") - start) if hasattr(node, "v_leak") else 0 * ONE
    parts = (syn, input_gain, mem, current_gain, leak)
    if not hasattr(node, "v_threshold"):
        return Dynamics(*parts, np.full(1, np.inf), dialect.strict)
    if dialect.reset != "value" and start.any():
        raise InputError(
            f"node {name} starts at {start.ravel()[0]:g} and subtracts its threshold; subtract the "
            "voltage of the start from threshold and leak in the framework"
        )
    return Dynamics(
        *parts,
        get("v_threshold") - start,
        dialect.strict,
        dialect.reset,
        get("v_reset") - start if dialect.reset == "value" else 0 * ONE,
        dialect.reset_delay and _delays(kind, name, dialect),
        dialect.multi_spike,
        dialect.name == "snntorch" and dialect.reset == "subtract" and not dialect.reset_delay,
    )


def _threshold(threshold: FloatArray, dialect: Dialect) -> Dynamics:
    """Return NIR's Threshold, which has no memory: s = 1 if x > threshold."""
    zero = 0 * ONE
    return Dynamics(zero, ONE, zero, ONE, zero, threshold, dialect.strict)


def _delays(kind: str, name: str, dialect: Dialect) -> bool:
    """Return whether the delayed reset shows in the spikes.

    With a reset to zero, snnTorch's Leaky clears the voltage before it adds the next input, which
    gives the spikes of an immediate reset. Synaptic, RLeaky and RSynaptic clear the sum: the
    voltage stays at zero in the step after a spike. RSynaptic of snnTorch 1.0 does so whatever its
    reset_delay is.
    """
    if dialect.name != "snntorch" or dialect.reset != "value":
        return True
    return kind == "CubaLIF" or name.rsplit(".", maxsplit=1)[-1] == "lif"


def _start(step: _Step, dialect: Dialect) -> FloatArray:
    """Return the voltage before the first step, (1,) or (neurons,)."""
    key = {"zero": "", "leak": "v_leak", "reset": "v_reset"}[dialect.start]
    return step.get(key) if key and hasattr(step.node, key) else 0 * ONE


def _parameter(node: Any, key: str) -> FloatArray:
    """Return a parameter as float64, (1,) if all neurons share it, or (neurons,) in C order."""
    values = np.asarray(getattr(node, key), np.float64).reshape(-1)
    return values[:1] if (values == values[0]).all() else values


def _kept(tau: FloatArray, dt: float, dialect: Dialect, name: str, key: str) -> FloatArray:
    """Return the share of a state that one step keeps: exp(-dt / tau) or 1 - dt / tau.

    Raises:
        InputError: when a time constant is not positive, or shorter than Euler's step.
    """
    shortest = float(tau.min())
    if not shortest > 0:
        raise InputError(f"{key} of node {name} is {shortest:g}; time constants must be positive")
    if dialect.exponential:
        return np.asarray(np.exp(-dt / tau), np.float64)
    kept = 1 - dt / tau
    if kept.min() < -TOLERANCE:
        way = (
            "Norse's to_nir needs dt=1.0 to write seconds"
            if dialect.name == "norse"
            else "set a shorter dt"
        )
        raise InputError(
            f"{key} of node {name} is {shortest:g} s, shorter than the time step of {dt:g} s; {way}"
        )
    return np.asarray(np.maximum(kept, 0.0), np.float64)


def neuron_nodes(graph: nir.NIRGraph) -> dict[str, Any]:
    """Return the neurons with a state of a flat graph by name, so without Threshold."""
    return {
        name: node
        for name, node in graph.nodes.items()
        if isinstance(node, NEURONS) and not isinstance(node, nir.Threshold)
    }


def recovered_step(graph: nir.NIRGraph) -> float | None:
    """Return the time step in seconds for which r = tau / dt and w_in = tau_syn / dt, or None.

    snnTorch and SpikingJelly write r so that the input enters the voltage unscaled. All neurons
    must agree on the step, and it must be a round number.
    """
    found: list[FloatArray] = []
    for node in neuron_nodes(graph).values():
        r = np.asarray(node.r, np.float64)
        tau = getattr(node, "tau_mem", getattr(node, "tau", 1.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append(np.ravel(np.asarray(tau, np.float64) / r))
            if hasattr(node, "w_in"):
                found.append(np.ravel(np.asarray(node.tau_syn, np.float64) / node.w_in))
    scaled = any((np.asarray(node.r) != 1).any() for node in neuron_nodes(graph).values())
    return _agreed(found) if scaled else None


def rockpool_step(graph: nir.NIRGraph) -> float | None:
    """Return the time step in seconds for which r = tau / dt * exp(-dt / tau), or None.

    Rockpool writes r so. With y = dt / tau, Newton's method solves exp(-y) / y = r.
    """
    found: list[FloatArray] = []
    for node in neuron_nodes(graph).values():
        if isinstance(node, nir.I | nir.IF) or not (np.asarray(node.r) > 0).all():
            return None
        r = np.ravel(np.asarray(node.r, np.float64))
        tau = np.ravel(np.asarray(getattr(node, "tau_mem", getattr(node, "tau", 1.0)), np.float64))
        y = np.minimum(1.0, 0.5 / r)
        for _ in range(50):
            y = np.maximum(y - (np.exp(-y) / y - r) / (-np.exp(-y) * (1 / y + 1 / y**2)), y / 10)
        found.append(y * tau)
    return _agreed(found)


def _agreed(steps: list[FloatArray]) -> float | None:
    """Return the one round step of all arrays, or None."""
    if not steps:
        return None
    values = np.concatenate(steps)
    if not (np.isfinite(values).all() and (values > 0).all()):
        return None
    dt = float(f"{np.median(values):.1e}")
    return dt if bool(np.allclose(values, dt, rtol=10 * TOLERANCE, atol=0)) else None


def time_step(
    graph: nir.NIRGraph, dialect: Dialect, dt: float | None = None
) -> tuple[float | None, str]:
    """Return the time step in seconds and where it comes from, in words.

    The first that holds: what the parameters say, what `dt` says, what the framework assumes. The
    step is None where it is unknown and no neuron needs it. Frameworks write parameters for a step
    of their own, so a `dt` that differs from it can only be how long a step really lasts.

    Args:
        graph: a flat graph.
        dialect: an entry of `DIALECTS`.
        dt: time step in seconds, or None.

    Raises:
        InputError: when `dt` is not positive, or is needed.
    """
    if dt is not None and not (np.isfinite(dt) and dt > 0):
        raise InputError(f"the time step is {dt}; it must be a positive number of seconds")
    if dialect.unit == "steps":
        return dt, "time constants are in steps" + (" and dt was given" if dt else "")
    rule = "r = tau / dt * exp(-dt / tau)" if dialect.name == "rockpool" else "r = tau / dt"
    said = rockpool_step(graph) if dialect.name == "rockpool" else recovered_step(graph)
    if dt is not None:
        return _given_step(dt, said, rule, plain=dialect.name == "plain")
    if said is not None:
        return said, f"recovered from {rule} in every neuron"
    if (written := metadata.written_step(graph)) is not None:
        return written, "what neurodeploy wrote the graph with"
    if dialect.dt_s is not None:
        return dialect.dt_s, f"what {dialect.title} assumes"
    if not neuron_nodes(graph):
        return None, "no neuron needs it"
    raise InputError(
        "the graph does not tell its time step, and NIR has none; name the dialect of the framework"
        " that wrote it, or set dt to the seconds of one step"
    )


def _given_step(dt: float, said: float | None, rule: str, *, plain: bool) -> tuple[float, str]:
    """Return the step of a graph whose parameters say one or None, beside a given one."""
    if said is None or np.isclose(dt, said, rtol=1e-3, atol=0):
        return dt, "given"
    if plain:
        return dt, f"given; the graph has {rule} with dt = {said:g} s"
    return said, (
        f"recovered from {rule} in every neuron; the given {dt:g} s are taken as the duration of "
        "a step"
    )


def guess(graph: nir.NIRGraph) -> tuple[Dialect, str]:
    """Return the dialect that a flat graph is written in, and the reason in words.

    What two frameworks write alike is read as `plain`, which then asks for the time step.
    """
    if metadata.written_step(graph) is not None:
        since = ", and its integers do not hold since it was changed" * metadata.changed(graph)
        return DIALECTS["plain"], f"neurodeploy wrote the graph{since}"
    return _guess_framework(graph)


def _guess_framework(graph: nir.NIRGraph) -> tuple[Dialect, str]:
    nodes = neuron_nodes(graph)
    kinds = {type(node).__name__ for node in nodes.values()}
    recurrent = [name for name in nodes if f"{name.rpartition('.')[0]}.w_rec" in graph.nodes]
    said = recovered_step(graph)
    if said is not None and np.isclose(said, 1e-4, rtol=1e-3) and kinds <= {"LIF", "CubaLIF"}:
        alike = "r = tau / dt with dt = 0.0001 s in every neuron"
        if recurrent:
            return DIALECTS["snntorch"], f"{alike}, and recurrence as {recurrent[0]} and w_rec"
        return DIALECTS["snntorch"], f"{alike}, as snnTorch writes it (SpikingJelly steps alike)"
    if said is not None and np.isclose(said, 1e-4, rtol=1e-3) and "IF" in kinds:
        return DIALECTS["spikingjelly"], "r = 1 / dt of IF neurons with dt = 0.0001 s"
    if said is not None:
        return DIALECTS["plain"], f"r = tau / dt with dt = {said:g} s in every neuron"
    if kinds and rockpool_step(graph) is not None:
        return DIALECTS["rockpool"], "r = tau / dt * exp(-dt / tau) with the same dt everywhere"
    return _guess_steps(graph, nodes, kinds)


def _guess_steps(
    graph: nir.NIRGraph, nodes: Mapping[str, Any], kinds: set[str]
) -> tuple[Dialect, str]:
    """Guess among the dialects that write r = 1 in every neuron."""
    units = all((np.asarray(node.r) == 1).all() for node in nodes.values())
    taus = [float(np.min(node.tau)) for node in nodes.values() if hasattr(node, "tau")]
    pooled = any(isinstance(node, nir.SumPool2d) for node in graph.nodes.values())
    if units and kinds and kinds <= {"IF", "LIF", "LI"}:
        if taus and min(taus) >= 1:
            return DIALECTS["sinabs"], f"r = 1 and time constants from {min(taus):g}, in steps"
        if not taus and pooled:
            return DIALECTS["sinabs"], "IF neurons with r = 1, and SumPool2d"
        if not taus:
            return DIALECTS["sinabs"], "IF neurons with r = 1, which sinabs and Norse step alike"
    return DIALECTS["plain"], (
        "nothing in the graph tells which framework wrote it; name the dialect if it is one of "
        f"{', '.join(name for name in DIALECTS if name != 'plain')}"
    )


def describe(dialect: Dialect) -> dict[str, Any]:
    """Return the name and the options of a dialect as JSON values, for a network's provenance."""
    names = ("name", "reset", "reset_delay", "multi_spike", "norm_input")
    layers = {name: describe(each) for name, each in dialect.layers}
    return {
        **{name: getattr(dialect, name) for name in names},
        **({"layers": layers} if layers else {}),
    }
