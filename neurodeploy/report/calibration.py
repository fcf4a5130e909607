"""The table of a calibration: each layer of integers beside the float layer."""

from __future__ import annotations

from typing import Final

from neurodeploy.evaluation.calibration import Calibration, LayerFidelity
from neurodeploy.models.display import number_of
from neurodeploy.models.network import describe_layer
from neurodeploy.models.post_training import PostTraining
from neurodeploy.report.tables import Cell, Table, Value, rows_of, share

GOOD: Final = 0.95
"""Share of spikes in the same step from which a layer is shown as good."""
POOR: Final = 0.7
"""Share of spikes in the same step below which a layer is shown as poor."""


def layer_table(calibration: Calibration) -> Table:
    """Return the table of layers."""

    def factor(layer: LayerFidelity) -> Value:
        return (
            layer.threshold
            if layer.threshold_factor == 1
            else Cell(f"{layer.threshold:,}", f"x{layer.threshold_factor:g}", layer.threshold)
        )

    over = number_of(calibration.num_samples, "sample")
    return rows_of(
        f"Integers of {calibration.quantized.bits} bits beside the float network, over {over}",
        calibration.layers,
        {
            "layer": lambda layer: layer.name,
            "threshold": factor,
            "weights clipped": lambda layer: share(layer.saturated),
            "float rate": lambda layer: layer.float_rate,
            "rate": lambda layer: layer.rate,
            "same step": lambda layer: _same(layer.same_step),
            "distance": lambda layer: layer.distance,
            "correlation of v": lambda layer: layer.voltage_correlation,
            "silent neurons": lambda layer: layer.silent,
            "overflows": lambda layer: layer.overflows,
        },
        (
            "rate: spikes per neuron and step; same step: spikes that both send in the same step, "
            "over their mean number; distance: van Rossum's, over the norm of the float spikes",
        ),
    )


def scale_table(quantized: PostTraining) -> Table:
    """Return the table of scales of a network that was not calibrated."""
    layers = [describe_layer(each) for each in quantized.network.layers]
    return rows_of(
        f"Integers of {quantized.bits} bits",
        list(zip(quantized.layers, layers)),
        {
            "layer": lambda row: row[0].name,
            "threshold": lambda row: row[0].threshold,
            "weights": lambda row: "exact" if row[0].exact else "rounded",
            "on the chip": lambda row: row[1],
        },
    )


def _same(value: float) -> Cell:
    style = "good" if value >= GOOD else "bad" if value < POOR else "warn"
    return Cell(share(value).text, value=value, style=style)


def decisions(calibration: Calibration) -> str:
    """Return one sentence on accuracy and equal decisions."""
    text = (
        "The decisions of float network and integers are equal in "
        f"{calibration.decisions_equal:.1%} of {number_of(calibration.num_samples, 'sample')}"
    )
    if calibration.float_accuracy is None or calibration.accuracy is None:
        return text
    return (
        f"Accuracy {calibration.float_accuracy:.1%} in float, {calibration.accuracy:.1%} in "
        f"integers of {calibration.quantized.bits} bits; " + text[0].lower() + text[1:]
    )
