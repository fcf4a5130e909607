"""Published measurements on Loihi, with their sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class PilotNet:
    """Intel's measurement of PilotNet-LIF on one Loihi 2; 16 steps per inference.

    Attributes:
        source: publication.
        dynamic_mj, total_mj: energy per inference.
        dynamic_w, static_w: power.
        inferences_s: inferences per second.
        other_inferences_s: inferences per second on another machine, from the other version of the
            notebook.
        steps: time steps per inference.
        counted_steps: number of steps that the counters cover.
        synops, updates, spikes: counters of all neurocores, read off a plot to about 5%.
        busiest_synops: SynOps of the busiest neurocore.
        neurocores: neurocores of each layer, from the input to the last.
        blocks: blocks of each layer, (columns, rows, channels) or neurons.
    """

    source: str
    dynamic_mj: float
    total_mj: float
    dynamic_w: float
    static_w: float
    inferences_s: float
    other_inferences_s: float
    steps: int
    counted_steps: int
    synops: float
    updates: float
    spikes: float
    busiest_synops: float
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

    def an_inference(self, counter: float) -> float:
        """Return the value of a counter per inference."""
        return counter * self.steps / self.counted_steps


PILOTNET: Final = PilotNet(
    source=(
        "lava-nc/lava-dl, tutorials/lava/lib/dl/netx/pilotnet_snn/benchmark.ipynb, as of commit "
        "dad9dfa (run on the partition oheogulch, 408.91 inferences per second); as of commit "
        "12f0402 it holds an earlier run on kp_build (342.29)"
    ),
    dynamic_mj=1.094,
    total_mj=1.661,
    dynamic_w=0.447,
    static_w=0.232,
    inferences_s=408.91,
    other_inferences_s=342.29,
    steps=16,
    counted_steps=10_000,
    synops=2.29e10,
    updates=3.70e9,
    spikes=4.3e8,
    busiest_synops=1.51e9,
    neurocores=(13, 25, 13, 3, 3, 2, 12, 1, 1, 1),
    blocks=(
        (16, 66, 3), (4, 32, 24), (4, 15, 36), (8, 7, 48), (8, 4, 64), (16, 2, 64),
        (8,), (50,), (10,), (1,),
    ),
)  # fmt: skip
"""Both versions of the notebook print the same neurocores per layer."""


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
        woken_mw: idle power after a program has run, from the logs; the paper mentions the
            additional 70 mW.
        running_mw: power while running, from the paper.
        spotter: the run of the original network, from the logs.
        scaled: runs with more layers and random weights, with the same input and output.
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
    running_mw: float
    spotter: Run
    scaled: tuple[Run, ...]
    layers: int


KEYWORDS: Final = KeywordSpotting(
    source="Blouw, Choo, Hunsberger, Eliasmith 2018, arXiv 1812.01739, table 1",
    logs=(
        "abr/power_benchmarks on GitHub: paper/power_summary.tex, models.py, "
        "training/nengo_speech_model.py, logs/running/loihi_run01, loihi_I08O08C02L10_run01 and "
        "loihi_I08O08C10L10_run01 (.json and .csv)"
    ),
    sizes=(390, 256, 256, 29),
    steps=10,
    rate=0.1,
    dynamic_uj=270.0,
    inferences_s=296.0,
    booted_mw=29.0,
    woken_mw=96.2,
    running_mw=110.0,
    spotter=Run(copies=0, running_mw=110.4, seconds=16.83, inferences=5000),
    scaled=(
        Run(copies=2, running_mw=110.1, seconds=17.49, inferences=2000),
        Run(copies=10, running_mw=125.5, seconds=17.55, inferences=2000),
    ),
    layers=10,
)
"""Figures of the paper's table and of the authors' repository."""
