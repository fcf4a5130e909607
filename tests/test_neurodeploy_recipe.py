"""What a recipe refuses, whether a task's file or the options of a command say it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from neurodeploy import tasks
from neurodeploy.learning.config import TrainConfig
from neurodeploy.models.errors import InputError
from neurodeploy.tasks.augment import VaryImages


@pytest.mark.parametrize(
    ("field", "values", "way_out"),
    [
        ("network", (None, 3, ["dense"]), r"choose dense, dense-bias, recurrent, conv, "),
        ("delays", ("x", 1), "choose none, axonal, synaptic, or None"),
        ("hidden", (4, (), (0,), (4.5,), (True,), "48", (65536,)), "give a tuple of whole"),
        ("epochs", (0, -1, "3", 2.5, None, True, 2**31), "give a whole number from 1 to 21474"),
        ("batch_size", (0, -1, "8", 8.0), "give a whole number from 1 to 2147483647"),
        ("learning_rate", ("x", 1e300, 1e39, -1, 0, float("nan")), "give a number over 0, up"),
        ("delay_rate", (-1, "x", float("inf")), r"give a number from 0 to 1e\+06"),
        ("decay_rate", (-0.5, float("nan")), r"give a number from 0 to 1e\+06"),
        ("logit_scale", (0, -1, float("nan"), "x"), "give a number over 0, up to"),
        ("max_grad_norm", (0, -1, float("nan"), True), "give a number over 0, up to"),
        ("augment", (3, "x", VaryImages), "give a function, or None"),
        ("threshold", (0.0, "x"), "the range is"),
        ("current_decay", (2.0,), "the range is 0 to 1"),
        ("voltage_decay", (-1,), "the range is 0 to 1"),
        ("tau_grad", (0,), "the range is"),
        ("dropout", (1.0, "x", None), "it is a share from 0 to below 1"),
    ],
)
def test_a_recipe_refuses_what_trains_no_network(
    field: str, values: tuple[Any, ...], way_out: str
) -> None:
    for value in values:
        for make in (TrainConfig, lambda **change: replace(TrainConfig(), **change)):
            with pytest.raises(InputError, match=rf"^{field} is .*; {way_out}") as raised:
                make(**{field: value})
            assert "\n" not in str(raised.value)


def test_the_recipes_of_the_tasks_and_rates_of_nothing_are_taken() -> None:
    for task in tasks.TASKS.values():
        assert replace(task.config) == task.config
    assert TrainConfig(hidden=[4], delay_rate=0, augment=VaryImages((8, 8))).rates["delays"] == 0  # type: ignore[arg-type]


def test_numbers_of_numpy_are_those_of_python() -> None:
    made = TrainConfig(epochs=np.int64(3), learning_rate=np.float64(0.25))  # type: ignore[arg-type]
    assert [type(made.epochs), type(made.learning_rate)] == [int, float]
    assert made == TrainConfig(epochs=3, learning_rate=0.25)
