"""Published measurements on Loihi, with their sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np


@dataclass(frozen=True)
class Counters:
    """Intel's activity counters of one layer over 10,000 steps, in millions.

    They were read off the notebook's plot by drawing it again with the same size until it agreed
    with the picture pixel by pixel: to about 0.5 million per neurocore.

    Attributes:
        synops: `syn_ops` of all neurocores.
        updates: `dendrite_updates`, "Neuron Updates" in the plot.
        messages: `spikes_in`: spikes that arrive, once per neurocore.
        full_synops: SynOps of a neurocore with a full block.
        last_synops: SynOps of the neurocore with the last block, which may be smaller.
    """

    synops: float
    updates: float
    messages: float
    full_synops: float
    last_synops: float


@dataclass(frozen=True)
class PilotNet:
    """Intel's measurement of PilotNet-LIF on one Loihi 2; 16 steps per inference.

    Attributes:
        source: publication.
        dynamic_mj, total_mj: energy per inference.
        dynamic_w, static_w: power.
        other_static_w: static power per chip in other runs of the same notebook.
        inferences_s: inferences per second.
        other_inferences_s: inferences per second on another machine, from the other version of the
            notebook.
        steps: time steps per inference.
        counted_steps: number of steps that the counters cover.
        trace_us: time of four successive steps, which repeat from step 16 on, from the notebook's
            plot; mean of 27 periods, read to 0.7 us, and scattering by 0.4 us at most.
        layers: counters by layer, None where the plot shows less than half a million.
        neurocores: neurocores of each layer, from the input to the last.
        blocks: blocks of each layer, (columns, rows, channels) or neurons.
    """

    source: str
    dynamic_mj: float
    total_mj: float
    dynamic_w: float
    static_w: float
    other_static_w: tuple[float, ...]
    inferences_s: float
    other_inferences_s: float
    steps: int
    counted_steps: int
    trace_us: tuple[float, ...]
    layers: tuple[Counters | None, ...]
    neurocores: tuple[int, ...]
    blocks: tuple[tuple[int, ...], ...]

    @property
    def static_mj(self) -> float:
        """Total minus dynamic energy, 0.567 mJ."""
        return self.total_mj - self.dynamic_mj

    @property
    def step_us(self) -> float:
        """Microseconds per step, 152.8: 1 / (steps * inferences_s)."""
        return 1e6 / (self.steps * self.inferences_s)

    def per_inference(self, counter: str) -> float:
        """Return a counter of all layers per inference."""
        found = sum(getattr(layer, counter) for layer in self.layers if layer is not None)
        return float(found * 1e6 * self.steps / self.counted_steps)


PILOTNET: Final = PilotNet(
    source=(
        "lava-nc/lava-dl, tutorials/lava/lib/dl/netx/pilotnet_snn/benchmark.ipynb, as of commit "
        "dad9dfa (run on the partition oheogulch, 408.91 inferences per second); as of commit "
        "12f0402 it holds an earlier run on kp_build (342.29)"
    ),
    dynamic_mj=1.0935,
    total_mj=1.6611,
    dynamic_w=0.4472,
    static_w=0.2321,
    other_static_w=(0.3521,),
    inferences_s=408.91,
    other_inferences_s=342.29,
    steps=16,
    counted_steps=10_000,
    trace_us=(201.2, 107.2, 180.8, 125.2),
    layers=(
        Counters(0, 823.9, 0, 0, 0),
        Counters(0, 1807.2, 0, 0, 0),
        Counters(16177.5, 626.0, 293.1, 1310.5, 442.4),
        Counters(4510.6, 169.8, 65.1, 1507.5, 1507.5),
        Counters(1511.9, 127.5, 9.8, 525.9, 460.1),
        Counters(671.8, 83.5, 4.8, 511.6, 160.1),
        Counters(42.0, 2.4, 18.1, 3.5, 3.5),
        None, None, None,
    ),
    neurocores=(13, 25, 13, 3, 3, 2, 12, 1, 1, 1),
    blocks=(
        (16, 66, 3), (4, 32, 24), (4, 15, 36), (8, 7, 48), (8, 4, 64), (16, 2, 64),
        (9,), (50,), (10,), (1,),
    ),
)  # fmt: skip
"""Both versions of the notebook print the same neurocores per layer. Layer 6 is printed in 12
blocks of 8, which hold 96 of its 100 neurons; they are taken as 9."""


@dataclass(frozen=True)
class Copies:
    """A measurement of copies of a network on several chips of a Nahuku board, Loihi 1.

    Attributes:
        source: publication; its header reserves the code, so that only figures are used.
        copies: copies per chip.
        chips: chips.
        sizes: neurons per neurocore of each layer, the input's first.
        neurocores: neurocores of one copy, its inputs included.
        relays: neurocores per chip beside the copies, which pass the input on.
        steps: time steps per sample.
        dynamic_mw: dynamic power of one copy.
        static_mw: static power of one chip.
        step_us: time per step.
    """

    source: str
    copies: int
    chips: int
    sizes: tuple[int, ...]
    neurocores: int
    relays: int
    steps: int
    dynamic_mw: float
    static_mw: float
    step_us: float

    @property
    def dynamic_uj(self) -> float:
        """Dynamic energy of one copy and sample: power * steps * step_us."""
        return self.dynamic_mw * self.steps * self.step_us * 1e-3

    @property
    def cores_per_chip(self) -> int:
        """Neurocores in use on every chip."""
        return self.copies * self.neurocores + self.relays


_SPYTORCH: Final = "intel-nrc-ecosystem/models, nxsdk_modules_contrib/spytorch2loihi"

NTIDIGITS: Final = Copies(
    source=f"{_SPYTORCH}/slayer_rec/tutorials/ntidigits/ntidigitsEnergy.ipynb",
    copies=20,
    chips=32,
    sizes=(64, 128, 128, 242),
    neurocores=6,
    relays=7,
    steps=3000,
    dynamic_mw=10.893,
    static_mw=126.0,
    step_us=17.625,
)
"""The network beside the notebook equals the one in lava-dl's wheel, weight by weight and delay by
delay. All copies run the same sample at once: one input neurocore per chip, and a relay for every
three copies. Static power is the mean of the power plot, 11.0 W, less the dynamic power."""

BRAILLE: Final = Copies(
    source=f"{_SPYTORCH}/spytorch2loihi_import_energy-delay.ipynb",
    copies=2,
    chips=32,
    sizes=(10, 10, 14),
    neurocores=52,
    relays=2,
    steps=270,
    dynamic_mw=73.847,
    static_mw=178.2,
    step_us=6.6407,
)
"""A recurrent network of 450 neurons. Its test data is not public, so that its spikes are unknown;
the time of its step is an upper bound of the barrier over the same tiles."""


@dataclass(frozen=True)
class Run:
    """One run of a keyword spotter in its authors' logs.

    Attributes:
        copies: branches of ten layers of 256 neurons between the two hidden layers.
        running_mw: mean power while it ran, to 0.1 mW.
        seconds: duration.
        inferences: number of inferences.
    """

    copies: int
    running_mw: float
    seconds: float
    inferences: int

    @property
    def inferences_s(self) -> float:
        """Inferences per second."""
        return self.inferences / self.seconds

    def above_uj(self, idle_mw: float) -> float:
        """Return the energy per inference above an idle power, in microjoules."""
        return (self.running_mw - idle_mw) * 1e3 / self.inferences_s


@dataclass(frozen=True)
class KeywordSpotting:
    """Measurements of Blouw et al.'s keyword spotter on one Loihi, and of larger versions.

    Attributes:
        source, logs: sources of the paper's figures and of the runs.
        sizes: number of inputs, of neurons in the two hidden layers, and of outputs.
        steps: time steps per inference; the logs' commands stream 20,000 steps for 2,000
            inferences.
        rate: target firing rate of a training script, per neuron and step: 100 Hz at 1 ms per step.
        dynamic_uj: energy per inference above `booted_mw`.
        inferences_s: inferences per second.
        booted_mw: idle power before any program has run, which the paper subtracts.
        woken_mw: idle power after a program has run, from the logs, with any number of copies; the
            paper mentions the additional 70 mW.
        spotter: the run of the original network, from the logs.
        scaled: runs with more layers and random weights, with the same input and output; means of
            three runs each.
        layers: layers per copy in these runs.
    """

    source: str
    logs: str
    sizes: tuple[int, ...]
    steps: int
    rate: float
    dynamic_uj: float
    inferences_s: float
    booted_mw: float
    woken_mw: float
    spotter: Run
    scaled: tuple[Run, ...]
    layers: int

    @property
    def slope_uj(self) -> float:
        """Energy per inference that a copy adds, in microjoules: least squares over 1 to 10 copies.

        Without copies an inference took a tenth less time, so that this run is left out.
        """
        runs = [run for run in self.scaled if run.copies]
        energy = [run.above_uj(self.woken_mw) for run in runs]
        return float(np.polyfit([run.copies for run in runs], energy, 1)[0])


KEYWORDS: Final = KeywordSpotting(
    source="Blouw, Choo, Hunsberger, Eliasmith 2018, arXiv 1812.01739, table 1",
    logs=(
        "abr/power_benchmarks on GitHub: paper/power_summary.tex, models.py, "
        "training/nengo_speech_model.py, logs/running/loihi_run01 and "
        "loihi_I08O08C00L00_run01 to loihi_I08O08C10L10_run03 (.json and .csv)"
    ),
    sizes=(390, 256, 256, 29),
    steps=10,
    rate=0.1,
    dynamic_uj=270.0,
    inferences_s=296.0,
    booted_mw=29.0,
    woken_mw=96.2,
    spotter=Run(copies=0, running_mw=110.4, seconds=16.83, inferences=5000),
    scaled=(
        Run(copies=0, running_mw=107.50, seconds=15.893, inferences=2000),
        Run(copies=1, running_mw=107.94, seconds=17.433, inferences=2000),
        Run(copies=2, running_mw=109.98, seconds=17.490, inferences=2000),
        Run(copies=4, running_mw=113.50, seconds=17.497, inferences=2000),
        Run(copies=6, running_mw=117.31, seconds=17.493, inferences=2000),
        Run(copies=8, running_mw=120.89, seconds=17.550, inferences=2000),
        Run(copies=10, running_mw=124.82, seconds=17.543, inferences=2000),
    ),
    layers=10,
)
"""Figures of the paper's table and of the authors' repository."""
