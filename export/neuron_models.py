"""Replacements for Lava's neuron models on the CPU: they clear their state when a sample starts.

`LIFReset` clears u and v by itself; Lava's sigma-delta neurons never do. The input of a network may
drive the bias of CUBA LIF neurons, which netx leaves to its user: `DrivenLif` does it step by step.

Source of the behaviour that they keep: `lava.proc.lif.models`, `lava.proc.sdn.models` (lava-nc
0.10.0).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neurodeploy.export.lava_model import fixed_point_model, starts_sample
from neurodeploy.models import lava_compat

lava_compat.prepare()

from lava.proc.lif.models import PyLifResetModelBitAcc  # noqa: E402
from lava.proc.lif.process import LIFReset  # noqa: E402
from lava.proc.sdn.models import (  # noqa: E402
    PyDeltaModelFixed,
    PySigmaDeltaModelFixed,
    PySigmaModelFixed,
)
from lava.proc.sdn.process import Delta, Sigma, SigmaDelta  # noqa: E402


@fixed_point_model(LIFReset)
class DrivenLif(PyLifResetModelBitAcc):  # type: ignore[misc]
    """Lava's bit-accurate neuron; its bias follows the input where there is one.

    `proc_params["drive"]` names a file of bias mantissas, (neurons in Lava's order, steps), or is
    absent.
    """

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        name = proc_params.get("drive")
        self.drive = None if name is None else np.load(name, mmap_mode="r")

    def run_spk(self) -> None:
        if self.drive is not None:
            self.bias_mant = np.asarray(self.drive[..., self.time_step - 1])
        super().run_spk()


class _Clearing:
    """Clear the state variables in `cleared` when a sample starts, then do what the model does."""

    cleared: tuple[str, ...] = ()
    time_step: int
    proc_params: Any

    def run_spk(self) -> None:
        if starts_sample(self.time_step, self.proc_params):
            for name in self.cleared:
                setattr(self, name, np.zeros_like(getattr(self, name)))
        super().run_spk()  # type: ignore[misc]


@fixed_point_model(Delta)
class ResettableDelta(_Clearing, PyDeltaModelFixed):  # type: ignore[misc]
    """Lava's delta neuron, which forgets when a sample starts."""

    cleared = ("act", "residue", "error")


@fixed_point_model(SigmaDelta)
class ResettableSigmaDelta(_Clearing, PySigmaDeltaModelFixed):  # type: ignore[misc]
    """Lava's sigma-delta neuron, which forgets when a sample starts."""

    cleared = ("sigma", "act", "residue", "error")


@fixed_point_model(Sigma)
class ResettableSigma(_Clearing, PySigmaModelFixed):  # type: ignore[misc]
    """Lava's sigma neuron, which forgets when a sample starts."""

    cleared = ("sigma",)
