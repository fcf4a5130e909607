"""Write the spikes of every layer into an .npz file: `report --spikes out.npz`.

The arrays are `layer_0`, `layer_1`, ...: what each layer's neurons emit (Lava's `s_out`), from
cleared state, (neurons, time) or (channel, height, width, time), with an axis of samples in front
where the input had one; uint8 for spikes of 0 or 1, int32 for graded ones.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from neurodeploy.hw_sim.activity import Activity
from neurodeploy.models import files
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import replacing
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.running.evaluation import Watch
from neurodeploy.samples import Samples


@contextmanager
def writing(path: Path, network: QuantizedNetwork, inputs: Samples) -> Iterator[Watch]:
    """Yield what to give each batch's activity to; the file is there when the block succeeds.

    Each layer goes into a file of its own beside `path` until all samples have run, so that memory
    stays flat.

    Raises:
        InputError: when `path` is no name for such a file or cannot be written.
    """
    check_name(path)
    with replacing(path) as temporary, ExitStack() as stack:
        made = tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.")
        folder = Path(stack.enter_context(made))
        names = [f"layer_{index}.npy" for index in range(len(network.layers))]
        files = [stack.enter_context((folder / name).open("wb")) for name in names]
        for file, layer in zip(files, network.layers):
            _write_header(file, layer, inputs)

        def add(activity: Activity) -> None:
            for file, layer, spikes in zip(files, network.layers, activity.spikes):
                np.ascontiguousarray(spikes, _dtype(layer)).tofile(file)

        yield add
        for file in files:
            file.flush()
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name in names:
                with (
                    (folder / name).open("rb") as kept,
                    archive.open(name, "w", force_zip64=True) as entry,
                ):
                    shutil.copyfileobj(kept, entry, 1 << 20)


def check_name(path: Path) -> None:
    """Raise InputError unless `path` is a name for an .npz file."""
    if path.suffix != ".npz" or files.kind(path) == "folder":
        raise InputError(
            f"{path} is no name for a file of arrays; give --spikes one ending in .npz"
        )


def _dtype(layer: Any) -> type[np.generic]:
    return np.int32 if layer.neuron.graded else np.uint8


def _write_header(file: IO[bytes], layer: Any, inputs: Samples) -> None:
    samples = (len(inputs),) if inputs.leading else ()
    header = {
        "descr": np.dtype(_dtype(layer)).str,
        "fortran_order": False,
        "shape": (*samples, *layer.shape, inputs.num_steps),
    }
    np.lib.format.write_array_header_1_0(file, header)  # type: ignore[no-untyped-call]
