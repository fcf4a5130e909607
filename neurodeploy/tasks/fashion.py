"""Pictures of clothes: Fashion-MNIST."""

from __future__ import annotations

from pathlib import Path

from neurodeploy.learning.config import TrainConfig
from neurodeploy.tasks.dataset import Dataset
from neurodeploy.tasks.encoders.registry import Encoder, Pixels
from neurodeploy.tasks.idx_downloads import FASHION_DOWNLOADS
from neurodeploy.tasks.origin import Origin
from neurodeploy.tasks.readers import mnist_like
from neurodeploy.tasks.task import Task

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts the files."""

TIME_STEPS = 12

CONFIG = TrainConfig(hidden=(256,), epochs=16, batch_size=64, learning_rate=2e-3, logit_scale=1.2)
"""`docs/recipes/fashion.md` tells how it was chosen."""


def debian_folder() -> Path | None:
    """Return the folder of the installed Debian package, None when it is not installed."""
    return DEBIAN_FOLDER if DEBIAN_FOLDER.is_dir() else None


ORIGIN = Origin(
    data="Fashion-MNIST, 70,000 pictures of clothes",
    licence="MIT",
    citation="Xiao, Rasul and Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking "
    "Machine Learning Algorithms, arXiv 1708.07747, 2017",
    obtain="get them with `apt install dataset-fashion-mnist` or `python -m neurodeploy.data "
    "--task fashion --get`",
    places=("fashion",),
    downloads=FASHION_DOWNLOADS,
    find=debian_folder,
)


def read(path: Path) -> Dataset:
    """Read Fashion-MNIST from the folder of its four IDX files; see `mnist_like.read`."""
    return mnist_like.read(path, mnist_like.FASHION)


def rate_encoder(dataset: Dataset) -> Encoder:
    """Return the code in which a pixel fires the oftener the brighter it is."""
    return Pixels(TIME_STEPS)


def latency_encoder(dataset: Dataset) -> Encoder:
    """Return the code in which each pixel fires once, the earlier the brighter it is."""
    return Pixels(TIME_STEPS, code="latency")


FASHION = Task(
    name="fashion",
    description="pictures of clothes in 28 x 28 pixels (Fashion-MNIST)",
    read=read,
    default_encoder=rate_encoder,
    config=CONFIG,
    origin=ORIGIN,
    other_encoders={"latency": latency_encoder},
)
