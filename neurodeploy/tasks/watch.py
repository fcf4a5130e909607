"""Shoulder exercises from a watch on the wrist."""

from __future__ import annotations

from neurodeploy.learning.config import TrainConfig
from neurodeploy.tasks.augment import vary_wrist
from neurodeploy.tasks.dataset import Dataset
from neurodeploy.tasks.encoders.registry import Delta, Encoder, SigmaDelta, Together
from neurodeploy.tasks.har import COARSE, DELTA_G, DELTA_RAD_S, LEVEL_PER_G
from neurodeploy.tasks.origin import Origin
from neurodeploy.tasks.readers import seglearn_watch
from neurodeploy.tasks.task import Task

MOVEMENT = Delta((DELTA_G,) * 3 + (DELTA_RAD_S,) * 3, coarse=COARSE)
TURNING_PER_RAD_S = 2.0

CONFIG = TrainConfig(
    hidden=(128, 128),
    epochs=16,
    batch_size=32,
    learning_rate=3e-3,
    logit_scale=0.15,
    augment=vary_wrist,
)
"""`docs/recipes/watch.md` tells how the numbers were chosen."""

ORIGIN = Origin(
    data="the watch data of seglearn, 3,605 windows of 10 people",
    licence="BSD 3-Clause",
    citation="Burns et al., Shoulder Physiotherapy Exercise Recognition: Machine Learning the "
    "Inertial Signals from a Smartwatch, Physiological Measurement 39, 2018",
    obtain=seglearn_watch.INSTALL,
    places=("watch",),
    package=seglearn_watch.PACKAGE,
    find=seglearn_watch.package_file,
)


def default_encoder(dataset: Dataset) -> Encoder:
    """Return two codes side by side: movement, and the level of gravity and of turning.

    Unlike that of `har` the level of turning has a sign, which tells turning in from turning out.
    """
    return Together((MOVEMENT, SigmaDelta((LEVEL_PER_G,) * 3 + (TURNING_PER_RAD_S,) * 3)))


WATCH = Task(
    name="watch",
    description="seven shoulder exercises from a watch's accelerometer and gyroscope (seglearn)",
    read=seglearn_watch.read,
    default_encoder=default_encoder,
    config=CONFIG,
    origin=ORIGIN,
)
