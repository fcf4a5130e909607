"""Images with labels, some to train on and some to test on, as windows of one sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neurodeploy.tasks.dataset import TEST, TRAIN, Dataset


def image_dataset(
    train: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    test: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    *,
    class_names: Sequence[str],
    source: str,
    highest: int = 255,
    notes: Sequence[str] = (),
) -> Dataset:
    """Return the images to train on, then those to test on.

    Args:
        train: uint8 array (images, height, width) of pixels, uint8 array (images,) of labels.
        test: the same.
        class_names: one a label.
        source: data set and reader.
        highest: the largest value that a pixel can have.
        notes: sentences of the reader.
    """
    height, width = train[0].shape[1:]
    images = np.concatenate([train[0], test[0]]).reshape(-1, height * width, 1)
    counts = [len(train[1]), len(test[1])]
    return Dataset(
        signals=images,
        labels=np.concatenate([train[1], test[1]]).astype(np.int64),
        subjects=None,
        class_names=tuple(class_names),
        channel_names=pixel_names(height, width, highest),
        rate_hz=None,
        source=source,
        notes=tuple(notes),
        parts=np.repeat(np.array([TRAIN, TEST], np.uint8), counts),
        grid=(height, width),
    )


def pixel_names(height: int, width: int, highest: int) -> tuple[str, ...]:
    """Return a name with its range for each pixel, row by row."""
    return tuple(f"pixel {x}, {y} (0..{highest})" for y in range(height) for x in range(width))
