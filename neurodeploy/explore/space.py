"""The search space: which hyperparameters a search varies, and what a trial does with their values.

A space is a JSON file (docs/schemas/search-space.json), a dict, or a `SearchSpace`. The fields that
it leaves out stay as in the task's configuration.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias, get_type_hints

import msgspec
from msgspec import UNSET, Meta, UnsetType

from neurodeploy.config import TrainConfig
from neurodeploy.data.encoders import from_dict
from neurodeploy.data.task_data import TaskData
from neurodeploy.models import schema
from neurodeploy.models.architecture import Delays, LearnDecays, WeightBits
from neurodeploy.models.errors import InputError

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

DEFAULT: Final = "default"
"""Value of `encoder` that stands for the task's own encoder."""


class Range(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """Numbers from `low` to `high`.

    Attributes:
        low: smallest value.
        high: largest value.
        log: sample on a log scale.
        step: distance of neighboring values; null for any value (1 for integers).
    """

    low: int | float
    high: int | float
    log: bool = False
    step: Annotated[int, Meta(gt=0)] | Annotated[float, Meta(gt=0)] | None = None

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise InputError(f"low is {self.low:g} and high {self.high:g}; swap them")
        if self.log and self.low <= 0:
            raise InputError(f"low is {self.low:g} on a log scale; give a number above 0")
        if self.log and self.step is not None:
            raise InputError(f"step is {self.step:g} on a log scale; leave one of the two out")


Sizes: TypeAlias = Annotated[str, Meta(pattern=r"^\d+(-\d+)*$")]
Numbers: TypeAlias = Range | Annotated[tuple[int | float, ...], Meta(min_length=1)]


class SearchSpace(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """What a search varies: a list of values, or a range of numbers, per hyperparameter.

    Attributes:
        layers: number of hidden layers; with `neurons`.
        neurons: neurons of a hidden layer; every layer has its own.
        hidden: neurons of all hidden layers, such as "128-64"; instead of layers and neurons.
        network: presets of `train --network`, such as dense and recurrent.
        delays: kinds of learned delays.
        weight_bits: bits per weight, sign included.
        density: fraction of the synapses of hidden dense layers that exist.
        learn_decays: whether decays are learned.
        max_delay: upper limit of delays in time steps.
        threshold: threshold of the neurons.
        current_decay: fraction of the current that is lost per step.
        voltage_decay: fraction of the voltage that is lost per step.
        tau_grad: width of the surrogate gradient, relative to the threshold.
        dropout: dropout of every layer but the first.
        learning_rate: highest learning rate of the weights.
        delay_rate: highest learning rate of the delays.
        logit_scale: factor from output spike counts to logits.
        epochs: passes over the training samples.
        batch_size: samples per optimizer step.
        prune: fraction of the weights of each layer to prune.
        synop_budget: limit of the mean SynOps per sample; null for none.
        augment: whether to use the task's augmentation.
        seed: seed of the training.
        encoder: names of encoders of the task; "default" for its own.
        encoder_parameters: parameters of the encoder, by path such as time_steps or
            parts.0.threshold. A parameter with one number per channel is multiplied by the value.
    """

    layers: Numbers | UnsetType = UNSET
    neurons: Numbers | UnsetType = UNSET
    hidden: Annotated[tuple[Sizes, ...], Meta(min_length=1)] | UnsetType = UNSET
    network: Annotated[tuple[str, ...], Meta(min_length=1)] | UnsetType = UNSET
    delays: Annotated[tuple[Delays, ...], Meta(min_length=1)] | UnsetType = UNSET
    weight_bits: Annotated[tuple[WeightBits, ...], Meta(min_length=1)] | UnsetType = UNSET
    density: Numbers | UnsetType = UNSET
    learn_decays: Annotated[tuple[LearnDecays, ...], Meta(min_length=1)] | UnsetType = UNSET
    max_delay: Numbers | UnsetType = UNSET
    threshold: Numbers | UnsetType = UNSET
    current_decay: Numbers | UnsetType = UNSET
    voltage_decay: Numbers | UnsetType = UNSET
    tau_grad: Numbers | UnsetType = UNSET
    dropout: Numbers | UnsetType = UNSET
    learning_rate: Numbers | UnsetType = UNSET
    delay_rate: Numbers | UnsetType = UNSET
    logit_scale: Numbers | UnsetType = UNSET
    epochs: Numbers | UnsetType = UNSET
    batch_size: Numbers | UnsetType = UNSET
    prune: Numbers | UnsetType = UNSET
    synop_budget: Annotated[tuple[float | None, ...], Meta(min_length=1)] | UnsetType = UNSET
    augment: Annotated[tuple[bool, ...], Meta(min_length=1)] | UnsetType = UNSET
    seed: Numbers | UnsetType = UNSET
    encoder: Annotated[tuple[str, ...], Meta(min_length=1)] | UnsetType = UNSET
    encoder_parameters: Mapping[str, Numbers] | UnsetType = UNSET


WHOLE: Final = frozenset({"layers", "neurons", "max_delay", "time_steps"}).union(
    name for name, kind in get_type_hints(TrainConfig).items() if kind is int
)
"""Hyperparameters that are integers."""
OF_LAYERS: Final = ("density", "learn_decays", "max_delay")
"""Fields of `LayerSpec` that `TrainConfig` has no field for."""
LAYERS_MAX: Final = 16


def read_space(source: SearchSpace | Mapping[str, Any] | str | Path) -> SearchSpace:
    """Return the search space in a JSON file or a dict.

    Raises:
        InputError: if a name is unknown, a value has the wrong type, or nothing varies.
    """
    if isinstance(source, (str, Path)):
        found = schema.read(Path(source), SearchSpace, way_out="give a search space")
    elif isinstance(source, SearchSpace):
        found = source
    else:
        plain = {name: _plain(each) for name, each in source.items()}
        found = schema.convert(plain, SearchSpace, "the search space")
    if not list(_parts(found)):
        raise InputError(
            "the search space is empty; give at least one hyperparameter, such as "
            '{"neurons": {"low": 16, "high": 256, "log": true}}'
        )
    if (found.layers is UNSET) != (found.neurons is UNSET):
        raise InputError("the search space has only one of layers and neurons; give both")
    if found.hidden is not UNSET and found.layers is not UNSET:
        raise InputError("the search space has hidden, and layers and neurons; give one of the two")
    for name, choices in _parts(found):
        _check_values(name, choices)
    return found


def _check_values(name: str, choices: Any) -> None:
    """Raise InputError if a list has a value twice, or numbers must be whole and are not."""
    is_range = isinstance(choices, Range)
    values = (choices.low, choices.high, choices.step or 1) if is_range else choices
    if not is_range and len(set(map(repr, values))) < len(values):
        raise InputError(f"the search space: {name} has a value twice; give each once")
    for value in values if _is_whole(name) else ():
        if value != int(value):
            raise InputError(f"the search space: {name} has {value:g}; give whole numbers")
        if is_range and choices.log and choices.low < 1:
            raise InputError(f"the search space: {name} starts at {choices.low:g}; start at 1")


def _plain(values: Any) -> Any:
    """Return values as in JSON; distributions of Optuna become ranges and lists."""
    if isinstance(values, Mapping):
        return {name: _plain(each) for name, each in values.items()}
    if hasattr(values, "choices"):
        return list(values.choices)
    if hasattr(values, "low"):
        fields = {name: getattr(values, name) for name in ("low", "high", "log", "step")}
        return {**fields, "step": None} if fields["log"] else fields
    return list(values) if isinstance(values, (tuple, range)) else values


def default_space(data: TaskData) -> SearchSpace:
    """Return a search space around the configuration of a task."""
    config = data.config
    sizes = config.hidden or (128,)
    around = {"learning_rate": 4.0, "logit_scale": 4.0, "voltage_decay": 4.0, "current_decay": 2.0}
    ranges: dict[str, Any] = {
        name: _around(getattr(config, name), factor, "decay" in name)
        for name, factor in around.items()
    }
    return SearchSpace(
        layers=(1, 2),
        neurons=Range(16, 2 * max(sizes), log=True),
        network=("dense", "recurrent"),
        delays=("none", "axonal", "synaptic"),
        weight_bits=(8, 6, 4),
        density=(0.1, 0.25, 0.5, 1.0),
        encoder=(DEFAULT, *others) if (others := data.task.other_encoders) else UNSET,
        encoder_parameters=dict(_of_encoder(data)) or UNSET,
        **ranges,
    )


def space_text(space: SearchSpace | Mapping[str, Any]) -> str:
    """Return a search space as JSON, a line per hyperparameter."""
    values = msgspec.json.decode(msgspec.json.encode(space))
    lines = (f"  {json.dumps(name)}: {json.dumps(each)}" for name, each in values.items())
    return "{\n" + ",\n".join(lines) + "\n}"


def _around(value: float, factor: float, is_fraction: bool) -> Range:
    high = min(value * factor, 1.0) if is_fraction else value * factor
    return Range(float(f"{value / factor:.3g}"), float(f"{high:.3g}"), log=True)


def _of_encoder(data: TaskData) -> Iterator[tuple[str, Numbers]]:
    """Yield a range for the time steps, thresholds and gains of the task's encoder.

    A cached encoder is slow and keeps its spikes on disk, so its parameters are not varied.
    """
    if data.encoder.cached:
        return
    for path, value in _leaves(data.encoder.as_dict()):
        name = path.rpartition(".")[2]
        if name in ("threshold", "gain") and isinstance(value, (list, tuple)):
            yield path, Range(0.5, 2.0, log=True)
        elif name == "time_steps":
            yield path, Range(max(value // 2, 1), value, step=max(value // 8, 1))


def _leaves(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and value of each parameter of an encoder; a list of numbers is one value."""
    if isinstance(values, (list, tuple)) and any(isinstance(each, dict) for each in values):
        values = {str(index): each for index, each in enumerate(values)}
    if not isinstance(values, Mapping):
        yield path, values
        return
    for name, value in values.items():
        yield from _leaves(value, f"{path}.{name}" if path else str(name))


# Values of a trial


def _parts(space: SearchSpace) -> Iterator[tuple[str, Any]]:
    """Yield name and values of every hyperparameter; those of the encoder start with "encoder."."""
    for name, values in schema.fields_set(space).items():
        if name == "encoder_parameters":
            yield from ((f"encoder.{path}", each) for path, each in values.items())
        else:
            yield name, values


def suggest(trial: BaseTrial, space: SearchSpace) -> dict[str, Any]:
    """Return the values that a trial of Optuna suggests, by name; see `configure`."""
    values: dict[str, Any] = {}
    for name, choices in _parts(space):
        if name == "neurons":
            names = [f"{name} {index}" for index in range(values["layers"])]
            values[name] = tuple(_suggest(trial, each, choices) for each in names)
        else:
            values[name] = _suggest(trial, name, choices)
    return values


def _suggest(trial: BaseTrial, name: str, choices: Any) -> Any:
    whole = _is_whole(name)
    if not isinstance(choices, Range):
        return trial.suggest_categorical(name, [int(c) if whole else c for c in choices])
    if whole:
        low, high, step = int(choices.low), int(choices.high), int(choices.step or 1)
        return trial.suggest_int(name, low, high, log=choices.log, step=step)
    return trial.suggest_float(name, choices.low, choices.high, log=choices.log, step=choices.step)


def _is_whole(name: str) -> bool:
    return name.partition(" ")[0].rpartition(".")[2] in WHOLE


def configure(data: TaskData, values: Mapping[str, Any]) -> tuple[TaskData, TrainConfig]:
    """Return the data, encoded as the values say, and the training configuration of a trial.

    Raises:
        InputError: if the values make no valid configuration.
    """
    encoding = {name: each for name, each in values.items() if name.startswith("encoder")}
    others = {name: each for name, each in values.items() if name not in encoding}
    data = _encoded(data, encoding)
    if "layers" in others:
        del others["layers"]
        others["hidden"] = others.pop("neurons")
    if "hidden" in values:
        others["hidden"] = tuple(map(int, values["hidden"].split("-")))
    if "augment" in others:
        others["augment"] = data.config.augment if others["augment"] else None
    of_layers: dict[str, Any] = {name: others.pop(name) for name in OF_LAYERS if name in others}
    config = data.config.replace(**others)
    return data, _with_layers(data, config, of_layers) if of_layers else config


def _with_layers(data: TaskData, config: TrainConfig, changes: dict[str, Any]) -> TrainConfig:
    """Return the configuration with changes of the layers' own fields."""
    network = data.architecture(config)
    last, layers = len(network.layers) - 1, []
    for index, layer in enumerate(network.layers):
        own = dict(changes)
        if layer.kind != "dense" or index == last:
            own.pop("density", None)
        if "max_delay" in own:
            own["max_delay"] = min(own["max_delay"], layer.max_delay)
        layers.append(replace(layer, **own))
    network = replace(network, layers=tuple(layers))
    return config.replace(network=network, hidden=None, delays=None, weight_bits=None)


def _encoded(data: TaskData, values: Mapping[str, Any]) -> TaskData:
    """Return the data with another encoder, or other parameters of it."""
    name = values.get("encoder", DEFAULT)
    if name != DEFAULT:
        data = replace(data, encoder=data.task.encoder(data.dataset, name))
    changes = {path.partition(".")[2]: each for path, each in values.items() if "." in path}
    if not changes:
        return data
    parameters = msgspec.to_builtins(data.encoder.as_dict())
    for path, value in changes.items():
        _set(parameters, path, value, is_default=name == DEFAULT)
    return replace(data, encoder=from_dict(parameters))


def _set(parameters: Any, path: str, value: Any, *, is_default: bool) -> None:
    """Set a parameter in place; the encoder of the space's paths is the default one."""
    *inner, last = path.split(".")
    try:
        for step in inner:
            parameters = parameters[int(step) if isinstance(parameters, list) else step]
        before = parameters[last]
    except (KeyError, IndexError, ValueError, TypeError):
        if not is_default:
            return
        known = ", ".join(each for each, _ in _leaves(parameters))
        raise InputError(f"the encoder has no parameter {path!r}; it has {known}") from None
    if isinstance(before, list):
        parameters[last] = [value * each for each in before]
    else:
        parameters[last] = int(value) if isinstance(before, int) and value == int(value) else value


def check_space(space: SearchSpace, data: TaskData) -> None:
    """Raise InputError if an end of a range, or a value of a list, makes no valid configuration."""
    parts = dict(_parts(space))
    _check_paths(parts, data)
    own_values = _task_values(data)
    first = {name: _first(name, each, own_values.get(name)) for name, each in parts.items()}
    for name, choices in parts.items():
        for value in _ends(choices, name):
            values = {**first, name: value}
            if "layers" in values:
                if not 1 <= values["layers"] <= LAYERS_MAX:
                    raise InputError(
                        f"the search space: layers is {values['layers']}; give 1 to {LAYERS_MAX}"
                    )
                values["neurons"] = (values["neurons"],) * values["layers"]
            try:
                own, config = configure(data, values)
                own.architecture(config)
            except InputError as error:
                raise InputError(f"the search space, {name} {value}: {error}") from None


def _check_paths(parts: Mapping[str, Any], data: TaskData) -> None:
    """Raise InputError if no encoder of a search has a parameter of that path."""
    names = parts.get("encoder", (DEFAULT,))
    encoders = [_encoded(data, {"encoder": name}).encoder for name in names]
    known = {path: None for each in encoders for path, _ in _leaves(each.as_dict())}
    for path in (name.partition(".")[2] for name in parts if name.startswith("encoder.")):
        if path not in known:
            raise InputError(f"no encoder has a parameter {path!r}; there are {', '.join(known)}")


def _first(name: str, choices: Any, own: Any) -> Any:
    """Return the task's own value if it lies in the space, or else the first one that does."""
    is_size = name == "neurons"  # of one layer; the task's own are of all layers
    return own if not is_size and _holds(choices, own) else _ends(choices, name)[0]


def _ends(choices: Any, name: str) -> tuple[Any, ...]:
    ends = (choices.low, choices.high) if isinstance(choices, Range) else choices
    return tuple(int(each) if _is_whole(name) else each for each in ends)


# Warm start

STARTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "dense": {},
    "small": {"layers": 1, "neurons": (64,)},
    "synaptic": {"delays": "synaptic", "density": 0.25},
    "recurrent": {"network": "recurrent"},
}
"""Presets -> the values in which they differ from the task's configuration."""


def starts(space: SearchSpace, data: TaskData) -> dict[str, dict[str, Any]]:
    """Return the parameters of the first trials: the presets that lie in the space, by name."""
    parts, found = dict(_parts(space)), dict[str, dict[str, Any]]()
    for name, changes in STARTS.items():
        values = {**_task_values(data), **changes}
        pairs = list(_params(parts, values))
        inside = all(_holds(parts[part], value) for part, _, value in pairs)
        params = {one: value for _, one, value in pairs}
        if inside and parts.keys() >= changes.keys() and params not in found.values():
            found[name] = params
    return found


def _task_values(data: TaskData) -> dict[str, Any]:
    """Return the values that stand for the task's configuration."""
    config, network = data.config, data.architecture(data.config)
    first = network.layers[0]
    return {
        **{name: getattr(config, name) for name in TrainConfig.__dataclass_fields__},
        **{
            f"encoder.{path}": 1.0 if isinstance(value, (list, tuple)) else value
            for path, value in _leaves(data.encoder.as_dict())
        },
        **{name: getattr(first, name) for name in ("delays", "weight_bits", *OF_LAYERS)},
        "layers": len(network.layers) - 1,
        "neurons": network.sizes[1:-1],
        "hidden": "-".join(map(str, network.sizes[1:-1])),
        "augment": config.augment is not None,
        "encoder": DEFAULT,
    }


def _params(parts: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield, for each parameter of Optuna, its hyperparameter, its name and its value."""
    for name in parts:
        if name == "neurons":
            yield from ((name, f"{name} {i}", size) for i, size in enumerate(values[name]))
        else:
            yield name, name, values.get(name)


def _holds(choices: Any, value: Any) -> bool:
    if not isinstance(choices, Range):
        return value in choices
    if value is None or not choices.low <= value <= choices.high:
        return False
    steps = (value - choices.low) / (choices.step or 1)
    return choices.step is None or math.isclose(steps, round(steps), abs_tol=1e-9)
