"""Handwritten digits: MNIST. The network, its code and their numbers are those of `fashion`."""

from __future__ import annotations

from pathlib import Path

from neurodeploy.tasks import fashion
from neurodeploy.tasks.dataset import Dataset
from neurodeploy.tasks.idx_downloads import MNIST_DOWNLOADS
from neurodeploy.tasks.origin import Origin
from neurodeploy.tasks.readers import mnist_like
from neurodeploy.tasks.task import Task

ORIGIN = Origin(
    data="MNIST, 70,000 images of handwritten digits",
    licence="reported as CC BY-SA 3.0",
    citation="LeCun et al., Gradient-Based Learning Applied to Document Recognition, Proceedings "
    "of the IEEE 86, 1998",
    obtain="get them with `python -m neurodeploy.data --task mnist --get`",
    places=("mnist",),
    downloads=MNIST_DOWNLOADS,
)


def read(path: Path) -> Dataset:
    """Read MNIST from the folder of its four IDX files; see `mnist_like.read`."""
    return mnist_like.read(path, mnist_like.MNIST)


MNIST = Task(
    name="mnist",
    description="handwritten digits in 28 x 28 pixels (MNIST)",
    read=read,
    default_encoder=fashion.rate_encoder,
    config=fashion.CONFIG,
    origin=ORIGIN,
    other_encoders={"latency": fashion.latency_encoder},
)
