"""The task `digits`: the handwritten digits of scikit-learn, which is a dependency of Lava."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurodeploy.config import TrainConfig
from neurodeploy.data.augment import VaryImages
from neurodeploy.data.dataset import VALIDATION, Dataset, image_dataset
from neurodeploy.data.encoders import Encoder, Pixels
from neurodeploy.data.origin import Origin
from neurodeploy.data.task import Task
from neurodeploy.models.errors import InputError, install_commands

SHAPE = (1797, 8, 8)
"""Images, height, width."""

TRAIN_IMAGES = 1347
"""The first images are the training set, the other 450 the test set; none is official."""

VALIDATION_IMAGES = 270
"""The last training images are the validation set. The images are ordered by writer, so validation
and training images have different writers, as test and training images do."""

NOTE = (
    f"there is no official test set: the first {TRAIN_IMAGES:,} images are for training and the "
    "others for the test; the images are ordered by writer, but the writers are unknown"
)

HIGHEST = 16
"""The largest value of a pixel."""

TIME_STEPS = 16

CONFIG = TrainConfig(
    hidden=(256,),
    epochs=80,
    batch_size=16,
    learning_rate=1e-3,
    logit_scale=1.2,
    augment=VaryImages(SHAPE[1:]),
)
"""`docs/recipes/digits.md` tells how it was chosen."""


def package_folder() -> Path | None:
    """Return the folder of the installed scikit-learn, None when it is not installed."""
    spec = importlib.util.find_spec("sklearn")  # does not import it
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


ORIGIN = Origin(
    data="1,797 images of handwritten digits that come with scikit-learn",
    licence="CC BY 4.0, according to UCI's page",
    citation="Alpaydin and Kaynak, Optical Recognition of Handwritten Digits (UCI 80), 1998",
    obtain=f"install scikit-learn with {install_commands('scikit-learn')}",
    package="scikit-learn",
    find=package_folder,
)


def read(path: Path) -> Dataset:
    """Read the digits that come with scikit-learn.

    Args:
        path: what `package_folder` returns.

    Raises:
        InputError: if the path is another, or scikit-learn's dataset is not the expected one.
    """
    if path != package_folder():
        raise InputError(
            f"{path} holds no data of the task digits, which comes with scikit-learn; leave "
            "--data out"
        )
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    found = load_digits()
    return dataset_of(found.images, found.target)


def dataset_of(images: ArrayLike, labels: ArrayLike) -> Dataset:
    """Return the images of scikit-learn as a dataset.

    Raises:
        InputError: unless there are 1,797 images of 8 x 8 pixels from 0 to 16.
    """
    pixels, classes = np.asarray(images), np.asarray(labels)
    _check(pixels, classes)
    pixels, classes = pixels.astype(np.uint8), classes.astype(np.uint8)
    dataset = image_dataset(
        (pixels[:TRAIN_IMAGES], classes[:TRAIN_IMAGES]),
        (pixels[TRAIN_IMAGES:], classes[TRAIN_IMAGES:]),
        class_names=tuple(str(digit) for digit in range(10)),
        source="digits of scikit-learn",
        highest=HIGHEST,
        notes=[NOTE],
    )
    parts = np.array(dataset.parts)
    parts[TRAIN_IMAGES - VALIDATION_IMAGES : TRAIN_IMAGES] = VALIDATION
    return replace(dataset, parts=parts)


def _check(pixels: NDArray[Any], classes: NDArray[Any]) -> None:
    """Raise InputError unless images and labels have the expected shapes and values."""
    whole = pixels.shape == SHAPE and bool(np.isin(pixels, np.arange(HIGHEST + 1)).all())
    if not whole or classes.shape != SHAPE[:1]:
        raise InputError(
            f"scikit-learn's digits have shape {pixels.shape} and values up to "
            f"{pixels.max(initial=0):g}; expected are {SHAPE} and 0 to {HIGHEST}, so install "
            "scikit-learn 1.5 to 1.9"
        )
    wrong = classes[~np.isin(classes, np.arange(10))]
    if wrong.size:
        raise InputError(
            f"scikit-learn's digits contain the label {wrong[0]}; expected are 0 to 9, so install "
            "scikit-learn 1.5 to 1.9"
        )


def rate_encoder(dataset: Dataset) -> Encoder:
    """Return a rate encoder: a brighter pixel fires more often."""
    return Pixels(TIME_STEPS, HIGHEST)


def latency_encoder(dataset: Dataset) -> Encoder:
    """Return a latency encoder: each pixel fires once, earlier if it is brighter."""
    return Pixels(TIME_STEPS, HIGHEST, "latency")


DIGITS = Task(
    name="digits",
    description="handwritten digits in 8 x 8 pixels (scikit-learn)",
    read=read,
    default_encoder=rate_encoder,
    config=CONFIG,
    origin=ORIGIN,
    other_encoders={"latency": latency_encoder},
)
