"""Random networks of every kind: fast does what Lava does, and a broken fast would be noticed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from benchmarks import census as counting
from benchmarks import fuzz, mutants
from benchmarks.differences import INTACT, save
from benchmarks.lava_server import LavaServer
from benchmarks.random_networks import Case, cases
from neurodeploy.hw_sim.activity import Activity
from neurodeploy.models.layers import LAYERS
from neurodeploy.models.neurons import NEURONS, Sigma

NETWORKS = 80
REDUCING_S = 3600

pytestmark = [pytest.mark.long, pytest.mark.timeout(REDUCING_S)]


@dataclass
class Survey:
    """What fast and Lava did with the networks of the default run, and the first difference."""

    census: counting.Census = field(default_factory=counting.Census)
    runs: list[tuple[Case, Activity, Activity]] = field(default_factory=list)
    error: BaseException | None = None


@pytest.fixture(scope="module")
def survey() -> Survey:
    """Return the survey; its networks are the same in every run."""
    done = Survey()
    with LavaServer() as lava:

        @settings(
            max_examples=NETWORKS,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(cases)
        def fast_equals_lava(case: Case) -> None:
            right = lava.run(case.network, case.spikes)
            found, activity = fuzz.check(case, right)
            assert not found
            done.census.add(case, activity)
            done.runs.append((case, right, activity))

        try:
            fast_equals_lava()
        except Exception as error:
            done.error = error
    return done


def test_fast_equals_lava_in_every_spike_and_state(survey: Survey) -> None:
    if survey.error is not None:
        raise survey.error
    assert survey.census.networks >= NETWORKS


@pytest.mark.parametrize("name", LAYERS.values())
def test_layers_of_every_kind_fire_and_rest(survey: Survey, name: str) -> None:
    firing = survey.census.firing("layer").loc[name]
    assert counting.LOW <= firing.rate <= counting.HIGH
    assert firing.useful >= 3


@pytest.mark.parametrize("kind", NEURONS, ids=lambda kind: kind.__name__)
def test_neurons_of_every_kind_fire(survey: Survey, kind: type) -> None:
    firing = survey.census.firing("neuron").loc[NEURONS[kind]]
    assert firing.spikes
    # a sigma neuron sends its sum in every step
    assert kind is Sigma or firing.useful >= 3


def test_every_delay_delays_something(survey: Survey) -> None:
    for name in counting.DELAYS:
        assert survey.census.delays[name] >= 3, name


def test_states_overflow_in_every_way(survey: Survey) -> None:
    for name in counting.OVERFLOWS:
        assert survey.census.overflows[f"{name}, networks"] > 0, name


@pytest.mark.parametrize(
    "name",
    [
        "1 layers", "2 layers", "3 layers", "4 layers", "1 samples", "2 samples", "3 samples",
        "readout of spikes", "readout of voltage", "readout of values", "average of groups",
        "silent input", "saturated input", "graded input", "dense layer after images",
        "convolution with stride", "convolution with padding", "convolution with dilation",
        "convolution in groups", "kernel not square", "image not square", "weights all zero",
        "weights at both extremes", "weights all -2^k", "two synapses per weight, dense",
        "two synapses per weight, recurrent dense", "two synapses per weight, convolution",
        "bias of CUBA LIF", "bias per neuron",
        "bias of sigma-delta with ReLU", "decay of 0", "decay of 4096", "decay per neuron",
        "decay per channel", "threshold of 0", "threshold of 131071", "spike_exp of 0",
        "state_exp of 7",
    ],
)  # fmt: skip
def test_networks_have_every_feature(survey: Survey, name: str) -> None:
    assert survey.census.features[name] > 0


def small_networks(survey: Survey) -> Iterator[tuple[Case, Activity]]:
    """Yield the smallest networks, and what Lava did, that show everything twice."""
    seen: Counter[object] = Counter()
    for case, lava, ours in sorted(survey.runs, key=lambda run: sum(s.size for s in run[1].spikes)):
        things = counting.things(case, ours)
        if any(seen[each] < 2 for each in things):
            seen.update(things)
            yield case, lava


@pytest.fixture(scope="module")
def verdicts(survey: Survey, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    stored, copies = tmp_path_factory.mktemp("cases"), tmp_path_factory.mktemp("mutants")
    for number, (case, lava) in enumerate(small_networks(survey)):
        save(stored, f"{number:02d}", case.network, case.spikes, lava)
    return mutants.verdicts(stored, copies)


def test_the_intact_copy_equals_lava(verdicts: dict[str, int]) -> None:
    assert verdicts[INTACT] == 0


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.name)
def test_a_broken_kernel_is_noticed(verdicts: dict[str, int], mutant: mutants.Mutant) -> None:
    assert verdicts[mutant.name] > 0


def test_a_mutant_whose_text_is_gone_says_so(tmp_path: Path) -> None:
    gone = mutants.Mutant("nothing", "models/cuba.py", "no such text", "")
    with pytest.raises(ValueError, match=r"occurs 0 times in models/cuba.py, not once"):
        mutants.make(gone, tmp_path)
