"""What every replacement for one of Lava's process models on the CPU needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from neurodeploy.models import lava_compat

lava_compat.prepare()

from lava.magma.core.decorator import implements, requires, tag  # noqa: E402
from lava.magma.core.resources import CPU  # noqa: E402
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol  # noqa: E402

Model = TypeVar("Model", bound=type)


def fixed_point_model(process: type) -> Callable[[Model], Model]:
    """Return a decorator that declares a class Lava's fixed-point CPU model of `process`."""

    def declare(model: Model) -> Model:
        tagged = tag("fixed_pt")(requires(CPU)(model))
        declared: Model = implements(proc=process, protocol=LoihiProtocol)(tagged)
        return declared

    return declare


def starts_sample(time_step: int, proc_params: Any) -> bool:
    """Tell whether a sample starts at this step; Lava counts steps from 1.

    `sample_steps` is set on the process by `export.lava_graph.build`.
    """
    return bool((time_step - 1) % proc_params["sample_steps"] == 0)
