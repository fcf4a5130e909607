"""Networks that five frameworks made, ran and exported to NIR; `benchmarks.nir_frameworks` keeps
them in `tests/nir`."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nir
import numpy as np
from numpy.typing import NDArray

from neurodeploy.export.nir import graph
from neurodeploy.export.nir.dialects import DIALECTS, Dialect

FOLDER = Path(__file__).parent / "nir"
NAMES = tuple(
    sorted(
        Path(name).stem
        for path in FOLDER.glob("*.zip")
        for name in zipfile.ZipFile(path).namelist()
        if name.endswith(".nir")
    )
)


@dataclass(frozen=True)
class Exported:
    """A network of a framework.

    Attributes:
        name: framework and network.
        content: bytes of its .nir file.
        dialect: how the framework ran it.
        inputs: uint8 (samples, *shape, steps).
        layers: what each layer of neurons emitted, (samples, neurons, steps): uint8 counts of
            spikes, or float32 voltages of neurons that never fire.
        versions: of the packages that wrote it.
    """

    name: str
    content: bytes
    dialect: Dialect
    inputs: NDArray[Any]
    layers: tuple[NDArray[Any], ...]
    versions: dict[str, str]

    def write(self, folder: Path) -> Path:
        """Write the .nir file and return its path."""
        path = folder / f"{self.name}.nir"
        path.write_bytes(self.content)
        return path

    def graph(self, folder: Path) -> nir.NIRGraph:
        """Return the checked graph, read from a file in a folder."""
        return graph.read(self.write(folder))


@cache
def load(name: str) -> Exported:
    """Return a network of `NAMES`."""
    framework = name.split("_", maxsplit=1)[0]
    with zipfile.ZipFile(FOLDER / f"{framework}.zip") as file:
        content = file.read(f"{name}.nir")
        stored = np.load(io.BytesIO(file.read(f"{name}.npz")))
    about = json.loads(str(stored["about"]))
    layers = tuple(stored[f"layer_{k}"] for k in range(len(stored.files) - 2))
    dialect = DIALECTS[framework].with_options(**about["options"])
    return Exported(name, content, dialect, stored["inputs"], layers, about["versions"])
