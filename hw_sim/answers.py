"""What a network answers: the outputs of its last layer, as its neurons give them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hw_sim.activity import Activity
from models.network import QuantizedNetwork


def outputs(network: QuantizedNetwork, activity: Activity) -> NDArray[np.int64]:
    """Return the outputs of every sample; the largest is the answer.

    They are read as `network.answer_kind` says: spikes counted, the voltage after the last step, or
    the value sent last. Neurons that answer together (lava-dl's average) are added up.

    Returns:
        int64 array (batch, outputs).
    """
    sent = activity.spikes[-1]
    if network.answer_kind == "spikes":
        each = sent.sum(2, dtype=np.int64)
    elif network.answer_kind == "voltage" and activity.last_voltage is not None:
        each = activity.last_voltage.astype(np.int64)
    else:
        each = sent[:, :, -1].astype(np.int64)
    grouped: NDArray[np.int64] = each.reshape(len(each), network.outputs, -1).sum(2)
    return grouped
