"""Torch modules of snnTorch, Norse, SpikingJelly and sinabs as NIR graphs, by their own exporters.

The exporters leave out what NIR has no place for: resets by subtraction or one step later, several
spikes per step, the scale of the input. `to_graph` reads this from the module and returns it as the
dialect of the graph. It works on a copy; the module does not change.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Final

import nir
import numpy as np

from neurodeploy.export.nir.dialects import DIALECTS, Dialect
from neurodeploy.models.errors import InputError, MissingPackageError, is_installed

STATES: Final = ("mem", "syn", "spk", "reset")
"""Buffers of snnTorch's neurons that hold states, which may belong to a graph of gradients."""
CONTAINERS: Final = ("SequentialState", "Network")
"""Classes of Norse and sinabs that hold other modules; other classes are known whole or not."""


@dataclass(frozen=True)
class Exporter:
    """A framework whose modules can be exported.

    Attributes:
        neurons: names of its neuron classes.
        linear: names of other classes that its exporter knows.
        options: returns the options of the dialect for a neuron; raises InputError for what NIR and
            the dialect have no place for.
        prepare: changes a copy of the module so that its exporter takes it, given the shapes of
            the neurons' outputs by name.
        export: returns the graph of a prepared copy.
    """

    neurons: tuple[str, ...]
    linear: tuple[str, ...]
    options: Callable[[Any, str], dict[str, Any]]
    prepare: Callable[[Any, Mapping[str, Any], Mapping[str, tuple[int, ...]]], None]
    export: Callable[[Any, Any], nir.NIRGraph]


def to_graph(module: Any, sample_input: Any) -> tuple[nir.NIRGraph, Dialect]:
    """Return the NIR graph of a torch module and the dialect that it means.

    Args:
        module: a module of snnTorch, Norse, SpikingJelly or sinabs that takes one time step per
            call (or a sequence, for sinabs), such as a `Sequential`.
        sample_input: what the module takes in a call, with the axis of the batch; values do not
            matter.

    Raises:
        InputError: names the module that has no meaning in NIR.
        MissingPackageError: when nirtorch is not installed.
    """
    framework = framework_of(module)
    if not is_installed("nirtorch"):
        raise MissingPackageError(
            f"exporting a module of {DIALECTS[framework].title} needs nirtorch, which is not "
            "installed; install it with `pip install nirtorch`",
            name="nirtorch",
        )
    exporter = EXPORTERS[framework]
    _check_classes(module, framework)
    neurons = _neurons(module, exporter)
    options = {name: exporter.options(neuron, name) for name, neuron in neurons.items()}
    graph = _export(module, sample_input, exporter, framework)
    return graph, _dialect(framework, options, graph)


def framework_of(module: Any) -> str:
    """Return the framework whose neurons a torch module holds, a key of `EXPORTERS`.

    Raises:
        InputError: when it holds neurons of none or of several.
    """
    if not hasattr(module, "named_modules"):
        raise InputError(f"the network is a {type(module).__name__}; give a torch.nn.Module")
    found = {type(each).__module__.split(".")[0] for each in module.modules()}
    if "rockpool" in found:
        raise InputError(
            "Rockpool's exporter drops biases and recurrent weights of LIFTorch; write the file "
            "with its to_nir and load it with the dialect rockpool"
        )
    known = sorted(found & EXPORTERS.keys())
    if len(known) != 1:
        raise InputError(
            f"the module holds neurons of {', '.join(known) or 'no known framework'}; give neurons "
            f"of one of {', '.join(EXPORTERS)}"
        )
    return known[0]


def _leaves(module: Any, exporter: Exporter, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the modules that hold no others, and neurons, with their names."""
    kind, package = type(module).__name__, type(module).__module__.split(".")[0]
    whole = kind in exporter.neurons or (package in EXPORTERS and kind not in CONTAINERS)
    children = [] if whole else list(module.named_children())
    if not children:
        yield prefix or "module", module
    for name, child in children:
        yield from _leaves(child, exporter, f"{prefix}.{name}" if prefix else name)


def _neurons(module: Any, exporter: Exporter) -> dict[str, Any]:
    return {
        name: leaf
        for name, leaf in _leaves(module, exporter)
        if type(leaf).__name__ in exporter.neurons
    }


def _check_classes(module: Any, framework: str) -> None:
    exporter = EXPORTERS[framework]
    known = (*exporter.linear, *exporter.neurons)
    for name, leaf in _leaves(module, exporter):
        if type(leaf).__name__ not in known:
            raise InputError(
                f"module {name} is a {type(leaf).__name__}, which {DIALECTS[framework].title}'s "
                f"NIR exporter does not know; it knows {', '.join(known)}; remove or replace it"
            )


def _dialect(framework: str, options: Mapping[str, dict[str, Any]], graph: nir.NIRGraph) -> Dialect:
    """Return the framework's dialect; layers that differ from the first have their own."""
    dialects: dict[str, Dialect] = {}
    for name, given in options.items():
        values = dict(given)
        dt_s = values.pop("dt_s", None)
        dialect = DIALECTS[framework].with_options(**values)
        dialects[name] = dialect if dt_s is None else replace(dialect, dt_s=dt_s)
    first = next(iter(dialects.values()))
    if len({each.dt_s for each in dialects.values()}) > 1:
        raise InputError("neurons have different time steps dt; give all the same")
    layers = [
        (_node_name(name, graph), dialect) for name, dialect in dialects.items() if dialect != first
    ]
    return replace(first, layers=tuple(layers))


def _node_name(name: str, graph: nir.NIRGraph) -> str:
    """Return the name of a module's node: exporters join names with dots or underscores."""
    names = set(graph.nodes)
    for each, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph):
            names |= {f"{each}.{inner}" for inner in node.nodes}
    for start in (name, name.replace(".", "_"), f"_{name.replace('.', '_')}"):
        for each in (start, f"{start}.lif"):
            if each in names:
                return each
    raise InputError(f"module {name} has no node of its name in the exported graph; rename it")


def _export(module: Any, sample_input: Any, exporter: Exporter, framework: str) -> nir.NIRGraph:
    import torch

    sample = torch.as_tensor(np.asarray(_detached(sample_input)), dtype=torch.float32)
    try:
        with warnings.catch_warnings(), torch.no_grad(), _states_aside(module):
            warnings.simplefilter("ignore")
            copied = copy.deepcopy(module).cpu().float().eval()
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            neurons = _neurons(copied, exporter)
            exporter.prepare(copied, neurons, {})
            exporter.prepare(copied, neurons, _output_shapes(copied, neurons, sample))
            return _without_batch(exporter.export(copied, sample), sample, neurons)
    except InputError:
        raise
    except Exception as error:  # an exporter can raise anything, and only it knows why
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"{DIALECTS[framework].title} could not export the module "
            f"({type(error).__name__}: {reason}); try its own NIR exporter"
        ) from error


def _without_batch(graph: nir.NIRGraph, sample: Any, neurons: Mapping[str, Any]) -> nir.NIRGraph:
    """Return the graph with the shape of one input, without the axes of batch and time."""
    timed = any(type(each).__name__ in ("IAF", "LIF", "ExpLeak") for each in neurons.values())
    shape = np.array(sample.shape[2 if timed else 1 :])
    for name, node in graph.nodes.items():
        if isinstance(node, nir.Input):
            graph.nodes[name] = nir.Input({"input": shape})
    return graph


def _detached(values: Any) -> Any:
    return values.detach().cpu() if hasattr(values, "detach") else values


@contextmanager
def _states_aside(module: Any) -> Iterator[None]:
    """Take states out of the neurons while the module is copied, and put them back."""
    taken = [
        (each, name, each.__dict__.get("_buffers", {})[name])
        for each in module.modules()
        for name in STATES
        if name in each.__dict__.get("_buffers", {})
    ]
    try:
        for each, name, value in taken:
            each._buffers[name] = value.new_zeros(0)
        yield
    finally:
        for each, name, value in taken:
            each._buffers[name] = value


def _output_shapes(
    module: Any, neurons: Mapping[str, Any], sample: Any
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of what neurons emit, without the axis of the batch."""
    found: dict[str, tuple[int, ...]] = {}

    def hook(name: str) -> Callable[..., None]:
        def remember(_module: Any, _inputs: Any, out: Any) -> None:
            first = out[0] if isinstance(out, tuple) else out
            found[name] = tuple(first.shape[1:])

        return remember

    hooks = [each.register_forward_hook(hook(name)) for name, each in neurons.items()]
    module(sample)
    for each in hooks:
        each.remove()
    return found


def _refuse(name: str, what: str, way: str) -> InputError:
    return InputError(f"module {name} has {what}, which NIR has no place for; {way}")


# snnTorch -----------------------------------------------------------------------------------------


def _snntorch_options(neuron: Any, name: str) -> dict[str, Any]:
    if not neuron.init_hidden:
        raise InputError(
            f"module {name} has init_hidden=False, so the module cannot be called with its input "
            "alone; set init_hidden=True"
        )
    if neuron.inhibition:
        raise _refuse(name, "inhibition=True", "set it to False")
    if neuron.state_quant:
        raise _refuse(name, "state_quant", "quantize here instead")
    if bool((neuron.graded_spikes_factor != 1).any()):
        raise _refuse(name, "graded_spikes_factor", "multiply the next weights by it")
    # RSynaptic of snnTorch 1.0 resets one step later whatever its reset_delay is.
    late = bool(neuron.reset_delay) or type(neuron).__name__ == "RSynaptic"
    return {"reset": neuron.reset_mechanism, "reset_delay": late}


def _prepare_snntorch(
    module: Any, neurons: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """Clear states, and give each neuron parameters of its own, which the exporter needs."""
    import torch

    for name, neuron in neurons.items():
        neuron.output = False
        for state in STATES:
            if state in neuron._buffers:
                neuron._buffers[state] = torch.zeros(0)
        for key in ("alpha", "beta", "threshold"):
            if name in shapes and hasattr(neuron, key):
                values = getattr(neuron, key).detach().clamp(0, 1 if key != "threshold" else None)
                _set_tensor(neuron, key, values.expand(shapes[name]).clone())
        one: Any = getattr(neuron, "recurrent", None)
        if name in shapes and hasattr(one, "V"):
            _set_tensor(one, "V", one.V.detach().expand(shapes[name]).clone())


def _set_tensor(module: Any, key: str, values: Any) -> None:
    """Replace a parameter or buffer by a buffer."""
    delattr(module, key)
    module.register_buffer(key, values)


def _export_snntorch(module: Any, sample: Any) -> nir.NIRGraph:
    exported = import_module("snntorch.export_nir").export_to_nir
    graph: nir.NIRGraph = exported(module, sample, ignore_dims=[0])
    for name, node in graph.nodes.items():
        if isinstance(node, nir.LIF) and np.isinf(node.tau).all():  # beta is 1
            rate = np.full(node.v_threshold.shape, 1e4)  # 1 / dt of snnTorch's exporter
            graph.nodes[name] = nir.IF(rate, node.v_threshold, node.v_reset)
    return graph


# Norse --------------------------------------------------------------------------------------------


def _norse_options(cell: Any, name: str) -> dict[str, Any]:
    options: dict[str, Any] = {"dt_s": float(cell.dt)}
    method = getattr(getattr(cell.p, "reset_method", None), "__name__", "reset_value")
    resets = {"reset_value": "value", "reset_subtract": "subtract"}
    if method not in resets:
        raise _refuse(name, f"the reset {method}", f"choose from {', '.join(resets)}")
    return {**options, "reset": resets[method]}


def _prepare_norse(
    module: Any, cells: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """Give each neuron parameters of its own, and each convolution a bias."""
    import torch

    for each in module.modules():
        if type(each).__name__ == "Conv2d" and each.bias is None:
            each.bias = torch.nn.Parameter(torch.zeros(len(each.weight)))
    for name, cell in cells.items():
        if name in shapes:
            wide = {
                key: value.detach().float().expand(shapes[name]).clone()
                for key, value in cell.p._asdict().items()
                if key in ("tau_syn_inv", "tau_mem_inv", "v_leak", "v_th", "v_reset")
            }
            cell.p = cell.p._replace(**wide)


def _export_norse(module: Any, sample: Any) -> nir.NIRGraph:
    """Export in seconds, and add what the exporter leaves out: resets, pools and Flatten."""
    exported = import_module("norse.torch.utils.export_nir").to_nir
    graph: nir.NIRGraph = exported(module, sample, dt=1.0)
    for name, each in module.named_modules():
        kind = type(each).__name__
        if kind in ("LIFBoxCell", "LIFCell", "IAFCell"):
            graph.nodes[name].v_reset = each.p.v_reset.numpy()
        elif kind in ("Flatten", "AvgPool2d"):
            graph.nodes[name] = _flatten(each) if kind == "Flatten" else _average(each, name)
    return graph


def _flatten(module: Any) -> nir.NIRNode:
    """Return a Flatten whose dimensions do not count the batch."""
    start, end = (dim - 1 if dim > 0 else dim for dim in (module.start_dim, module.end_dim))
    return nir.Flatten({"input": None}, start, end)


def _average(module: Any, name: str) -> nir.NIRNode:
    if module.ceil_mode or module.divisor_override or not module.count_include_pad:
        raise _refuse(
            name, "ceil_mode, divisor_override or count_include_pad=False", "leave it out"
        )
    sizes = (module.kernel_size, module.stride, module.padding)
    return nir.AvgPool2d(*(np.broadcast_to(np.asarray(each), (2,)) for each in sizes))


# SpikingJelly -------------------------------------------------------------------------------------


def _spikingjelly_options(neuron: Any, name: str) -> dict[str, Any]:
    return {"reset": "subtract" if neuron.v_reset is None else "value"}


def _prepare_spikingjelly(
    module: Any, neurons: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """Clear states, and hide resets by subtraction from the exporter, which refuses them."""
    functional = import_module("spikingjelly.activation_based.functional")
    functional.set_step_mode(module, "s")
    for neuron in neurons.values():
        if neuron.v_reset is None:
            neuron.v_reset = 0.0
    functional.reset_net(module)


def _export_spikingjelly(module: Any, sample: Any) -> nir.NIRGraph:
    exported = import_module("spikingjelly.activation_based.nir_exchange").export_to_nir
    return exported(module, sample)


# sinabs -------------------------------------------------------------------------------------------


def _sinabs_options(layer: Any, name: str) -> dict[str, Any]:
    if layer.min_v_mem is not None:
        raise _refuse(name, f"min_v_mem {layer.min_v_mem.tolist()}", "set it to None and train so")
    if layer.tau_syn_calculated is not None:
        raise _refuse(name, "tau_syn", "set it to None")
    options: dict[str, Any] = {"norm_input": bool(layer.norm_input)}
    if layer.spike_fn is None:
        return options
    return {**options, **_sinabs_reset(layer, name), "multi_spike": _sinabs_multi(layer, name)}


def _sinabs_multi(layer: Any, name: str) -> bool:
    spike_fn = layer.spike_fn
    kind = getattr(spike_fn, "__name__", type(spike_fn).__name__)
    limit = {"MultiSpike": None, "SingleSpike": 1}.get(
        kind, getattr(spike_fn, "max_num_spikes_per_bin", 0)
    )
    if limit not in (None, 1):
        raise _refuse(name, f"the spike_fn {kind}", "choose MultiSpike or SingleSpike")
    return limit is None


def _sinabs_reset(layer: Any, name: str) -> dict[str, Any]:
    reset_fn = layer.reset_fn
    kind = type(reset_fn).__name__
    if kind == "MembraneSubtract" and reset_fn.subtract_value is None:
        return {"reset": "subtract"}
    if kind == "MembraneReset" and not reset_fn.reset_value:
        return {"reset": "value"}
    raise _refuse(name, f"the reset_fn {reset_fn}", "choose MembraneSubtract() or MembraneReset()")


def _prepare_sinabs(
    module: Any, layers: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    for layer in layers.values():
        layer.reset_states()
        if layer.train_alphas and not hasattr(layer, "tau_mem"):
            layer.tau_mem = layer.tau_mem_calculated.detach()


def _export_sinabs(module: Any, sample: Any) -> nir.NIRGraph:
    return import_module("sinabs.nir").to_nir(module, sample)


_TORCH: Final[Sequence[str]] = ("Linear", "Conv2d", "Flatten")
EXPORTERS: Final[Mapping[str, Exporter]] = {
    "snntorch": Exporter(
        ("Leaky", "Synaptic", "RLeaky", "RSynaptic"), (*_TORCH, "AvgPool2d"),
        _snntorch_options, _prepare_snntorch, _export_snntorch,
    ),
    "norse": Exporter(
        ("LIFBoxCell", "LIFCell", "LIBoxCell", "IAFCell"), (*_TORCH, "AvgPool2d"),
        _norse_options, _prepare_norse, _export_norse,
    ),
    "spikingjelly": Exporter(
        ("IFNode", "LIFNode", "ParametricLIFNode", "CUBALIFNode"),
        (*_TORCH, "Conv1d", "AvgPool2d"),
        _spikingjelly_options, _prepare_spikingjelly, _export_spikingjelly,
    ),
    "sinabs": Exporter(
        ("IAF", "IAFSqueeze", "LIF", "LIFSqueeze", "ExpLeak", "ExpLeakSqueeze"),
        (*_TORCH, "Conv1d", "SumPool2d"),
        _sinabs_options, _prepare_sinabs, _export_sinabs,
    ),
}  # fmt: skip
"""Framework -> its exporter."""
