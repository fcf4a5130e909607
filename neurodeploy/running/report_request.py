"""What a person asks `report` for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from neurodeploy.hw_sim.backends import RunOptions


@dataclass(frozen=True)
class Request:
    """What a person asks `report` for; each field is the option of that name.

    Attributes:
        network: a netx file.
        data: folder of the task's data, or None for the installed data package.
        samples: how many to run; all by default.
        backend: name of what runs it.
        compare: name of another that runs the same, or None.
        chips: names of those to estimate for.
        costs: cost files of others; without `chips` and `costs`, all installed chips are taken.
        input: a file of samples, instead of the task's.
        transformed: its values are what the neurons of an input layer take.
        labels: a file of right answers to them.
        message_bits: of graded input, in a file of lava-dl's.
        spike_exp: binary places of graded spikes, in a file of lava-dl's.
        spikes: where to write every layer's spikes.
        trace: whether to look at what each layer does.
        html: where to write the report as a page.
        plots: folder to write its figures to.
        raster: number of the sample in the run that these show, from 0.
        options: threads and time limit.
    """

    network: Path
    data: Path | None = None
    samples: int | None = None
    backend: str = "fast"
    compare: str | None = None
    chips: Sequence[str] = ()
    costs: Sequence[Path] = ()
    input: Path | None = None
    transformed: bool = False
    labels: Path | None = None
    message_bits: int | None = None
    spike_exp: int | None = None
    spikes: Path | None = None
    trace: bool = False
    html: Path | None = None
    plots: Path | None = None
    raster: int | None = None
    options: RunOptions = field(default_factory=RunOptions)
