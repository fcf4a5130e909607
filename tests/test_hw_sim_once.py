"""What is made of a layer for the kernels is made once, and goes when the layer goes."""

from __future__ import annotations

import gc
import weakref

import numpy as np

from neurodeploy.hw_sim.kernels.shared import cache_per_layer
from neurodeploy.models.network import CubaLif, DenseLayer


def layer() -> DenseLayer:
    return DenseLayer(np.ones((1, 1)), CubaLif(0, 0, 1))


def test_nothing_keeps_a_layer_alive():
    make = cache_per_layer(lambda layer: np.zeros(3))
    one = layer()
    kept = weakref.ref(make(one))
    gone = weakref.ref(one)
    assert kept() is not None
    del one
    gc.collect()
    assert gone() is None
    assert kept() is None
