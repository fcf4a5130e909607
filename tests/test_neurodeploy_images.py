"""Spikes of images against hand arithmetic, and the tasks of images."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from neurodeploy import tasks
from neurodeploy.models.errors import InputError
from neurodeploy.tasks import digits, fashion
from neurodeploy.tasks.dataset import Dataset
from neurodeploy.tasks.encoders.pixels import CODES
from neurodeploy.tasks.encoders.registry import Delta, Encoder, Pixels, SigmaDelta, Together
from neurodeploy.tasks.split import split


def refused(message: str):
    return pytest.raises(InputError, match=f"^{re.escape(message)}$")


@pytest.fixture
def images() -> NDArray[np.uint8]:
    """Return 5 images of 12 pixels that hold every 4th value."""
    return (np.arange(60) * 4).astype(np.uint8).reshape(5, 12, 1)


def rows(encoder: Encoder, *pixels: int) -> list[str]:
    """Return the spikes of single pixels as text, a character a step."""
    spikes = encoder.encode(np.array(pixels, np.uint8)[None, :, None])[0]
    return ["".join(str(spike) for spike in row) for row in spikes]


def test_the_rate_code_spreads_a_rounded_share_of_the_steps() -> None:
    # By hand: 4 steps, level/highest = 0, 1/8, 1/4, 1/2, 3/4, 1. Spikes end at
    # floor(4 p + 1/2) = 0, 1, 1, 2, 3, 4; one falls at t when (t + 1) p + 1/2 crosses a number.
    assert rows(Pixels(4, 8), 0, 1, 2, 4, 6, 8) == ["0000", "0001", "0100", "1010", "1101", "1111"]


def test_the_latency_code_has_one_spike_the_earlier_the_brighter_and_none_for_black() -> None:
    # By hand: 5 steps, t = floor((1 - p) 4 + 1/2) for p = 0, 1/8, 1/2, 5/8, 1: -, 4, 2, 2, 0.
    assert rows(Pixels(5, 8, "latency"), 0, 1, 4, 5, 8) == [
        "00000", "00001", "00100", "00100", "10000",
    ]  # fmt: skip


@pytest.mark.parametrize("steps", [1, 2, 7, 12, 16, 100])
@pytest.mark.parametrize("highest", [1, 16, 100, 255])
def test_a_pixel_fires_its_share_of_the_steps_and_the_brighter_the_oftener(
    steps: int, highest: int
) -> None:
    spikes = Pixels(steps, highest).table()
    assert spikes.shape == (256, steps)
    assert spikes.max() == 1
    counts = spikes.sum(axis=1, dtype=np.int64)
    levels = np.minimum(np.arange(256), highest)
    assert counts.tolist() == [(2 * steps * k + highest) // (2 * highest) for k in levels]
    ends = spikes.cumsum(axis=1, dtype=np.int64)
    ideal = np.arange(1, steps + 1) * levels[:, None] / highest
    assert np.abs(ends - ideal).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("steps", [1, 2, 12, 256])
def test_a_pixel_has_one_time_and_the_brighter_the_earlier(steps: int) -> None:
    spikes = Pixels(steps, code="latency").table()
    assert spikes.sum(axis=1).tolist() == [0] + [1] * 255
    times = spikes.argmax(axis=1)[1:]
    assert (np.diff(times) <= 0).all()
    assert times[-1] == 0


@pytest.mark.parametrize("code", CODES)
def test_pixels_over_the_highest_fire_like_it(code: str) -> None:
    first, *others = rows(Pixels(9, 40, code), 40, 41, 255)
    assert set(others) == {first}


@pytest.mark.parametrize("code", CODES)
def test_each_image_of_a_window_takes_its_own_steps(code: str) -> None:
    film = np.arange(0, 240, 10).astype(np.uint8).reshape(2, 4, 3)
    encoder = Pixels(6, code=code)
    together = encoder.encode(film)
    assert together.shape == (2, 4, encoder.steps(3)) == (2, 4, 18)
    apart = [encoder.encode(film[:, :, k : k + 1]) for k in range(3)]
    assert np.array_equal(together, np.concatenate(apart, axis=2))


@pytest.mark.parametrize("code", CODES)
def test_whole_numbers_are_the_same_pixels_in_every_type(
    images: NDArray[np.uint8], code: str
) -> None:
    wanted = Pixels(code=code).encode(images)
    for kind in (np.float32, np.float64, np.int64):
        assert np.array_equal(Pixels(code=code).encode(images.astype(kind)), wanted)


def test_beside_another_encoder_pixels_have_the_same_spikes(images: NDArray[np.uint8]) -> None:
    both = Together((Pixels(1), SigmaDelta(0.01, rectified=True)))
    assert np.array_equal(both.encode(images)[:, :12], Pixels(1).encode(images))


@pytest.mark.parametrize("encoder", [Delta(3.0), SigmaDelta(0.01)])
def test_encoders_of_levels_take_bytes_as_the_numbers_that_they_are(encoder: Encoder) -> None:
    counts = np.random.default_rng(0).integers(0, 256, (3, 4, 20)).astype(np.uint8)
    assert np.array_equal(encoder.encode(counts), encoder.encode(counts.astype(np.float32)))


@pytest.mark.parametrize("value", [0.5, -1.0, 256.0])
def test_what_is_no_pixel_is_refused(value: float) -> None:
    with refused(
        f"signals hold {value:g}; pixels must be whole numbers from 0 to 255, so scale and round "
        "them"
    ):
        Pixels().encode(np.full((1, 2, 1), value))


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"time_steps": 0}, "time_steps is 0; it must be a whole number, 1 to 4096"),
        ({"time_steps": 4097}, "time_steps is 4097; it must be a whole number, 1 to 4096"),
        ({"time_steps": 8.0}, "time_steps is 8.0; it must be a whole number, 1 to 4096"),
        ({"time_steps": True}, "time_steps is True; it must be a whole number, 1 to 4096"),
        ({"highest": "16"}, "highest is '16'; it must be a whole number, 1 to 255"),
        ({"highest": 256}, "highest is 256; it must be a whole number, 1 to 255"),
        ({"code": "phase"}, "code is 'phase'; it must be one of rate, latency"),
        ({"code": ["rate"]}, "code is ['rate']; it must be one of rate, latency"),
    ],
)
def test_wrong_parameters_are_refused(parameters: dict[str, object], said: str) -> None:
    with refused(said):
        Pixels(**parameters)  # type: ignore[arg-type]


# Tasks


@pytest.fixture(scope="module")
def digits_windows() -> Dataset:
    return tasks.get("digits").load(None)


def test_digits_come_with_scikit_learn_the_first_1347_to_train(digits_windows: Dataset) -> None:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    assert digits_windows.signals.dtype == np.uint8
    assert digits_windows.grid == (8, 8)
    assert np.array_equal(digits_windows.signals[:, :, 0], images)
    assert np.array_equal(digits_windows.labels, labels)
    parts = split(digits_windows)
    assert parts.test.tolist() == list(range(1347, 1797))


def test_digits_are_nowhere_else(tmp_path: Path) -> None:
    with refused(
        f"{tmp_path} holds no data of the task digits, which come with scikit-learn; leave --data "
        "out"
    ):
        digits.read(tmp_path)


@pytest.mark.parametrize("change", ["fewer", "brighter", "halves"])
def test_other_digits_than_those_known_are_refused(change: str) -> None:
    images, labels = np.zeros(digits.SHAPE), np.arange(1797) % 10
    images[0, 0, 0] = {"fewer": 16, "brighter": 17, "halves": 0.5}[change]
    if change == "fewer":
        images, labels = images[:-1], labels[:-1]
    with refused(
        f"scikit-learn gives digits of shape {images.shape}, up to {images.max():g}; known are "
        "(1797, 8, 8) of 0..16, so install scikit-learn 1.5 to 1.9"
    ):
        digits.dataset_of(images, labels)


def test_digits_need_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits.importlib.util, "find_spec", lambda name: None)
    with refused(
        "the data of the task digits are missing (1,797 images of handwritten digits that come "
        "with scikit-learn); install scikit-learn with `pip install scikit-learn` or `uv pip "
        "install scikit-learn`, or say where they are with --data"
    ):
        tasks.get("digits").load(None)


def test_without_its_data_fashion_says_where_to_get_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path))
    monkeypatch.setattr(fashion, "DEBIAN_FOLDER", tmp_path / "none")
    with refused(
        "the data of the task fashion are missing (Fashion-MNIST, 70,000 pictures of clothes); get "
        "them with `apt install dataset-fashion-mnist` or `python -m neurodeploy.data --task "
        "fashion --get`, or say where they are with --data"
    ):
        tasks.get("fashion").load(None)


@pytest.mark.parametrize("name", ["digits", "mnist", "fashion"])
def test_each_task_of_images_has_a_rate_code_and_a_latency_code(
    digits_windows: Dataset, name: str
) -> None:
    task = tasks.get(name)
    rate, latency = task.encoder(digits_windows), task.encoder(digits_windows, "latency")
    assert isinstance(rate, Pixels)
    assert isinstance(latency, Pixels)
    assert (rate.code, latency.code) == ("rate", "latency")
    assert rate.highest == latency.highest == (16 if name == "digits" else 255)
