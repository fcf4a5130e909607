"""What a chip can hold, as the commands say it before and after a training."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from neurodeploy import report
from neurodeploy.learning.capacity import capacity_problems
from neurodeploy.models.architecture import Architecture
from neurodeploy.models.errors import InputError


def test_a_network_larger_than_any_chip_is_refused() -> None:
    with pytest.raises(InputError, match="synapses; the limit is 134,217,728"):
        Architecture.dense((33, 60000, 60000, 6))


def test_what_a_loihi_2_cannot_hold_is_known_from_the_shape() -> None:
    assert capacity_problems(Architecture.dense((33, 128, 128, 6))) == ()
    assert capacity_problems(Architecture.dense((33, 60000, 8, 6)))


def test_a_chip_that_was_not_asked_for_does_not_fail_the_report() -> None:
    estimated = {
        "loihi1": SimpleNamespace(problems=("no",)),
        "loihi2": SimpleNamespace(problems=()),
    }
    made = SimpleNamespace(estimated=estimated)
    assert report.exit_code(made) == 0
    assert report.exit_code(made, asked=("loihi2",)) == 0
    assert report.exit_code(made, asked=("loihi1", "loihi2")) == 1
