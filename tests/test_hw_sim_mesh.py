"""Where neurocores lie and the ways between them, one message at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurodeploy.hw_sim.chips import CHIPS, Chip, chip
from neurodeploy.hw_sim.placement import Places, places_of
from neurodeploy.hw_sim.traffic import NO_TRAFFIC, Traffic, longest_way, traffic


def with_limits(chip: Chip, **values: int) -> Chip:
    rows = {name: replace(chip.limits[name], value=value) for name, value in values.items()}
    return replace(chip, limits={**chip.limits, **rows})


SMALL = with_limits(
    chip("loihi1"), cores_per_chip=11, cores_per_tile=2, tiles_east_west=3, tiles_north_south=2
)
"""Six tiles in two rows, the last of one neurocore."""


def one_by_one(number: int, chip: Chip) -> tuple[int, int, int, int]:
    """Return chip, tile, x and y of a neurocore of three chips by filling one place after the
    other: chips 0 and 1 in one row, chip 2 below chip 0."""
    found = 0
    for of_chip in range(100):
        for tile in range(100):
            for _ in range(chip.limit("cores_per_tile")):
                if found == number:
                    wide, high = chip.limit("tiles_east_west"), chip.limit("tiles_north_south")
                    right, below = [(0, 0), (1, 0), (0, 1)][of_chip]
                    x, y = right * wide + tile % wide, below * high + tile // wide
                    return of_chip, tile, x, y
                found += 1
                if found % chip.limit("cores_per_chip") == 0:
                    break
            if found % chip.limit("cores_per_chip") == 0:
                break
    raise AssertionError


def places(*xs_ys_chips: tuple[int, int, int]) -> Places:
    x, y, of_chip = np.array(xs_ys_chips).T
    return Places(of_chip, np.zeros_like(x), x, y)


@pytest.mark.parametrize("chip", [SMALL, *CHIPS.values()], ids=["small", *CHIPS])
def test_neurocores_fill_tiles_rows_and_chips_one_after_the_other(chip):
    numbers = np.arange(2 * chip.limit("cores_per_chip") + 3)
    found = places_of(len(numbers), chip)
    columns = zip(*(each.tolist() for each in (found.chip, found.tile, found.x, found.y)))
    assert list(columns) == [one_by_one(number, chip) for number in numbers]
    assert found.chips == 3


@pytest.mark.parametrize("chip", [SMALL, *CHIPS.values()], ids=["small", *CHIPS])
def test_every_neurocore_of_a_chip_lies_on_its_mesh(chip):
    found = places_of(chip.limit("cores_per_chip"), chip)
    assert found.x.max() < chip.limit("tiles_east_west")
    assert found.y.max() < chip.limit("tiles_north_south")
    assert np.bincount(found.tile).max() <= chip.limit("cores_per_tile")


def test_the_corners_of_loihi_1():
    found = places_of(256, chip("loihi1")).at(np.array([0, 3, 4, 31, 32, 127, 128, 255]))
    assert found.chip.tolist() == [0, 0, 0, 0, 0, 0, 1, 1]
    assert found.x.tolist() == [0, 0, 1, 7, 0, 7, 8, 15]
    assert found.y.tolist() == [0, 0, 0, 0, 1, 3, 0, 3]
    assert (found.chips, found.tiles) == (2, 32)


SQUARES = [  # chips, and the column and row of each
    (1, [(0, 0)]),
    (2, [(0, 0), (1, 0)]),
    (3, [(0, 0), (1, 0), (0, 1)]),
    (4, [(0, 0), (1, 0), (0, 1), (1, 1)]),
    (5, [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1)]),
    (9, [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1), (0, 2), (1, 2), (2, 2)]),
    (10, [(0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (1, 1), (2, 1), (3, 1), (0, 2), (1, 2)]),
]


@pytest.mark.parametrize(("chips", "square"), SQUARES)
def test_chips_stand_in_a_square_row_by_row(chips, square):
    """The first neurocore of each chip of 3 by 2 tiles."""
    firsts = np.arange(chips) * 11
    found = places_of(11 * chips, SMALL).at(firsts)
    assert list(zip((found.x // 3).tolist(), (found.y // 2).tolist())) == square
    assert not (found.x % 3).any()
    assert not (found.y % 2).any()
    assert places_of(11 * (chips - 1) + 1, SMALL).at(firsts).x.tolist() == found.x.tolist()


def test_from_corner_to_corner_of_four_chips_are_as_many_hops_as_they_are_wide_and_high():
    """Neurocore 0 lies at (0, 0); the first of chip 3 at (3, 2), its last at (5, 3)."""
    placed = places_of(44, SMALL)
    ends = placed.at(np.array([33, 43]))
    sent = np.ones((1, 2))
    assert longest_way(sent, placed.at(slice(1)), ends) == (5, 3)
    assert traffic(sent, placed.at(slice(1)), ends) == Traffic(2, 3 + 5, 2 + 3, 2)


@pytest.mark.parametrize("seed", range(10))
def test_ways_are_those_of_every_message_by_itself(seed):
    rng = np.random.default_rng(seed)
    sender, reader = (
        places_of(40, SMALL).at(rng.integers(0, 40, n)) for n in rng.integers(1, 9, 2)
    )
    sent = rng.integers(0, 4, (len(sender.x), len(reader.x)))
    hops, expected = [(0, 0)], [0, 0, 0, 0]
    for i, row in enumerate(sent):
        for j, count in enumerate(row):
            for _ in range(count):
                across, along = abs(sender.x[i] - reader.x[j]), abs(sender.y[i] - reader.y[j])
                expected[0] += 1
                expected[1] += across
                expected[2] += along
                expected[3] += sender.chip[i] != reader.chip[j]
                hops.append((across, along))
    assert traffic(sent.astype(float), sender, reader) == Traffic(*expected)
    found = longest_way(sent.astype(float), sender, reader)
    assert found in hops
    assert sum(found) == max(map(sum, hops))


def test_a_pair_without_messages_has_no_way():
    sender, reader = places((0, 0, 0)), places((1, 0, 0), (9, 3, 1))
    assert longest_way(np.array([[1.0, 0.0]]), sender, reader) == (1, 0)
    assert longest_way(np.array([[0.0, 0.0]]), sender, reader) == (0, 0)
    assert traffic(np.zeros((1, 2)), sender, reader) == NO_TRAFFIC


def test_messages_within_a_tile_make_no_hops():
    here = places((2, 1, 0), (2, 1, 0))
    assert traffic(np.ones((2, 2)), here, here) == Traffic(4, 0, 0, 0)
    assert longest_way(np.ones((2, 2)), here, here) == (0, 0)


def test_traffic_adds_and_scales():
    one, two = Traffic(1, 2, 3, 4), Traffic(10, 20, 30, 40)
    assert one + two == Traffic(11, 22, 33, 44)
    assert two * 0.5 == Traffic(5, 10, 15, 20)
