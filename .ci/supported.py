"""Write the tables of docs/reference/supported.md: `uv run python .ci/supported.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from neurodeploy.export.netx_read import READERS, REFUSED, WIDE_SUFFIX
from neurodeploy.hw_sim.backends import BACKENDS
from neurodeploy.hw_sim.simulators import loihi as chip
from neurodeploy.models import loihi
from neurodeploy.models.errors import InputError
from neurodeploy.models.layers import LAYERS, ConvLayer, DenseLayer, InputLayer, RecurrentLayer
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.models.neurons import NEURONS, CubaLif, Delta, Sigma, SigmaDelta

NETX_LAYERS: Final = MappingProxyType(
    {InputLayer: "input", DenseLayer: "dense", RecurrentLayer: "dense_rec", ConvLayer: "conv"}
)
NETX_NEURONS: Final = MappingProxyType(
    {CubaLif: "CUBA", Delta: "SDNN", SigmaDelta: "SDNN", Sigma: "SDNN"}
)
"""Names of layers and neurons in netx files."""

FROM_SLAYER: Final = frozenset({InputLayer, DenseLayer, RecurrentLayer, ConvLayer, CubaLif})
"""Kinds of layers and neurons that `models.quantize` creates from SLAYER networks."""

WEIGHTS: Final = MappingProxyType(
    {
        f"{loihi.WEIGHT_MIN} to {loihi.WEIGHT_MAX}, one synapse each": (loihi.WEIGHT_MIN, "weight"),
        f"{loihi.WIDE_WEIGHT_MIN} to {loihi.WIDE_WEIGHT_MAX}, two synapses each": (
            loihi.WIDE_WEIGHT_MIN,
            f"weight{WIDE_SUFFIX}",
        ),
    }
)
"""Ranges of weights -> one of these weights, and the name of the array in a netx file."""

CHECKS: Final[dict[str, Callable[[QuantizedNetwork], None]]] = {"loihi2": chip.check_binary}
"""Backend -> check that refuses kinds; backends without an entry run every kind."""

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "reference" / "supported.md"
BEGIN: Final = "<!-- made by .ci/supported.py -->"
END: Final = "<!-- end of what supported.py made -->"


def with_tables(page: str) -> str:
    """Return the text of the page with current tables."""
    before, _, rest = page.partition(BEGIN)
    return before + markdown() + rest.partition(END)[2]


def markdown() -> str:
    """Return the tables of layers and neurons and the refused kinds, between two markers."""
    layers = [_row(kind, name, NETX_LAYERS[kind]) for kind, name in LAYERS.items()]
    neurons = [_row(kind, name, NETX_NEURONS[kind]) for kind, name in NEURONS.items()]
    weights = [_weights_row(name, *row) for name, row in WEIGHTS.items()]
    refused = ", ".join(f"{name} (`{kind}`)" for kind, name in REFUSED.items())
    others = sorted(set(READERS) - set(NETX_LAYERS.values()))
    assert not others, f"no layer for {others}"
    return "\n".join(
        [
            BEGIN,
            *_table("layers", layers),
            "",
            *_table("neurons", neurons),
            "",
            *_table("weights", weights),
            "",
            "netx's `flatten`, an `input` without neurons, and `average` as the last layer are "
            "read too.",
            f"Refused by name: {refused}; resonate-and-fire neurons.",
            END,
        ]
    )


def _table(first: str, rows: Sequence[Sequence[str]]) -> list[str]:
    heads = [first, *(f"`{name}`" for name in BACKENDS), "in a netx file", "from SLAYER"]
    return [_line(heads), "|" + "---|" * len(heads), *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _row(kind: Any, name: str, netx: str) -> list[str]:
    runs = [_yes(runs_on(backend, example(kind))) for backend in BACKENDS]
    return [name, *runs, f"`{netx}`", _yes(kind in FROM_SLAYER)]


def _weights_row(name: str, weight: int, netx: str) -> list[str]:
    network = QuantizedNetwork.chain((DenseLayer([[weight]], CubaLif(1024, 512, 1)),))
    runs = [_yes(runs_on(backend, network)) for backend in BACKENDS]
    return [name, *runs, f"`{netx}`", _yes(network.layers[0].synapses_per_weight == 1)]


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


def runs_on(backend: str, network: QuantizedNetwork) -> bool:
    """Return whether a backend accepts a network."""
    check = CHECKS.get(backend)
    try:
        if check is not None:
            check(network)
    except InputError:
        return False
    return True


def example(kind: Any) -> QuantizedNetwork:
    """Return a small network with this kind of layer or neuron."""
    lif = CubaLif(np.array([1024]), np.array([512]), 1)
    ones = np.ones((2, 2), np.int16)
    image = np.ones((1, 1, 1, 2), np.int16)
    return QuantizedNetwork.chain(
        {
            InputLayer: (InputLayer(lif, (2,)), DenseLayer(ones, lif)),
            DenseLayer: (DenseLayer(ones, lif),),
            RecurrentLayer: (RecurrentLayer(ones, ones, lif),),
            ConvLayer: (ConvLayer(image, (1, 2, 2), lif),),
            CubaLif: (DenseLayer(ones, lif),),
            Delta: (InputLayer(Delta(1), (2,)), DenseLayer(ones, Sigma())),
            SigmaDelta: (DenseLayer(ones, SigmaDelta(1)),),
            Sigma: (DenseLayer(ones, Sigma()),),
        }[kind]
    )


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"wrote {PAGE}")
