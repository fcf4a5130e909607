"""Spike encoders against hand arithmetic and their own equations."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from neurodeploy.data.encoders import (
    ENCODERS,
    Bands,
    Counts,
    Delta,
    Encoder,
    Lif,
    Pixels,
    SigmaDelta,
    Together,
    from_dict,
)
from neurodeploy.data.encoders.signals import CODES
from neurodeploy.models.errors import InputError


@pytest.fixture
def signals() -> NDArray[np.float32]:
    """Return random walks of 4 samples, 3 channels, 60 steps."""
    rng = np.random.default_rng(7)
    return rng.normal(0, 0.3, (4, 3, 60)).cumsum(axis=2).astype(np.float32)


def one(encoder: Encoder, *values: float) -> list[list[int]]:
    """Return the spikes of one channel of one sample."""
    found: list[list[int]] = encoder.encode(np.array([[values]], np.float32))[0].tolist()
    return found


def delta_by_its_equation(
    signals: NDArray[np.float32], thresholds: list[float], coarse: int = 0
) -> NDArray[Any]:
    """Follow the equation of `Delta` one sample, channel and step at a time."""
    samples, channels, num_steps = signals.shape
    spikes = np.zeros((samples, (4 if coarse else 2) * channels, num_steps), np.uint8)
    for n in range(samples):
        for c, d in enumerate(thresholds):
            k = 0
            for t in range(num_steps):
                moved = float(signals[n, c, t]) - k * d
                if coarse and moved >= coarse * d:
                    spikes[n, 2 * channels + c, t], k = 1, k + coarse
                elif coarse and moved <= -coarse * d:
                    spikes[n, 3 * channels + c, t], k = 1, k - coarse
                elif moved >= d:
                    spikes[n, c, t], k = 1, k + 1
                elif moved <= -d:
                    spikes[n, channels + c, t], k = 1, k - 1
    return spikes


def sigma_delta_by_its_equation(
    signals: NDArray[np.float32], gains: list[float], *, rectified: bool
) -> NDArray[Any]:
    """Follow the equation of `SigmaDelta` one sample, channel and step at a time."""
    samples, _, num_steps = signals.shape
    used = [c for c, gain in enumerate(gains) if gain]
    spikes = np.zeros((samples, len(used) * (1 if rectified else 2), num_steps), np.uint8)
    for n in range(samples):
        for place, c in enumerate(used):
            charge = 0.0
            for t in range(num_steps):
                x = float(signals[n, c, t])
                charge += gains[c] * (abs(x) if rectified else x)
                if charge >= 1:
                    spikes[n, place, t], charge = 1, charge - 1
                elif charge <= -1:
                    spikes[n, len(used) + place, t], charge = 1, charge + 1
                charge = max(-1.0, min(1.0, charge))
    return spikes


def lif_by_its_equation(
    signals: NDArray[np.float32], gains: list[float], leak: float
) -> NDArray[Any]:
    """Follow the equation of `Lif` one sample, channel and step at a time."""
    spikes = np.zeros(signals.shape, np.uint8)
    for n, sample in enumerate(signals):
        for c, gain in enumerate(gains):
            voltage = 0.0
            for t, x in enumerate(sample[c]):
                voltage = (1 - leak) * voltage + gain * float(x)
                if voltage >= 1:
                    spikes[n, c, t], voltage = 1, 0.0
    return spikes


def test_delta_conveys_the_first_level_then_each_move() -> None:
    on_off = one(Delta(0.25), 0.5, 0.5, 0.5, 0.0, -0.5, -0.5)
    assert on_off == [[1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1]]
    assert one(Delta(0.25), 0.25, 0.25, 0.0) == [[1, 0, 0], [0, 0, 1]]  # exactly the threshold
    assert one(Delta(0.25), 0.2499, -0.2499) == [[0, 0], [0, 0]]
    spikes = Delta(0.1).encode(np.full((1, 1, 4000), 300.05))
    assert spikes[0].sum(axis=1).tolist() == [3000, 0]


@pytest.mark.parametrize("coarse", [0, 2, 3, 7])
def test_delta_follows_its_equation(signals: NDArray[np.float32], coarse: int) -> None:
    thresholds = [0.05, 0.1, 0.3]
    spikes = Delta(tuple(thresholds), coarse=coarse).encode(signals)
    assert spikes[:, 6 if coarse else 0 :].any()
    assert np.array_equal(spikes, delta_by_its_equation(signals, thresholds, coarse))
    assert spikes.reshape(4, -1, 3, 60).sum(axis=1).max() == 1  # one spike at a time


def test_delta_of_the_negated_signal_swaps_on_and_off(signals: NDArray[np.float32]) -> None:
    on, off = np.split(Delta(0.2).encode(signals), 2, axis=1)
    assert np.array_equal(Delta(0.2).encode(-signals), np.concatenate([off, on], axis=1))


def test_delta_spikes_add_up_to_a_slow_signal_within_one_threshold() -> None:
    time = np.linspace(0, 6, 400)
    signal = np.stack([np.sin(time), 1 - np.cos(time)])[None].astype(np.float32)
    on, off = np.split(Delta(0.1).encode(signal).astype(int), 2, axis=1)
    assert np.abs(0.1 * (on - off).cumsum(axis=2) - signal).max() < 0.1


def test_a_coarse_spike_moves_the_reference_by_several_thresholds() -> None:
    on, off, far_on, far_off = one(Delta(0.25, coarse=3), 1.0, 1.0, 1.0, 0.0, -1.0)
    assert far_on == [1, 0, 0, 0, 0]  # the reference is 0.75
    assert on == [0, 1, 0, 0, 0]  # 1.0
    assert far_off == [0, 0, 0, 1, 1]  # 0.25, then -0.5
    assert off == [0, 0, 0, 0, 0]
    exactly, below = (one(Delta(0.25, coarse=3), value) for value in (0.75, 0.7499))
    assert (exactly, below) == ([[0], [0], [1], [0]], [[1], [0], [0], [0]])
    jump = np.full((1, 1, 40), 3.0, np.float32)
    slow, fast = Delta(0.125).encode(jump), Delta(0.125, coarse=5).encode(jump)
    assert np.flatnonzero(slow.any(axis=1))[-1] == 24 - 1
    assert np.flatnonzero(fast.any(axis=1))[-1] == 4 + 4 - 1


def test_sigma_delta_fires_each_time_that_the_charge_reaches_one() -> None:
    plus, minus = one(SigmaDelta(1.0), 0.5, 0.5, 0.5, 0.5, -1.0, -1.0, -2.0)
    assert plus == [0, 1, 0, 1, 0, 0, 0]
    assert minus == [0, 0, 0, 0, 1, 1, 1]
    assert one(SigmaDelta(1.0), 9, 0, 0, 0)[0] == [1, 1, 0, 0]  # no more charge than one spike
    assert one(SigmaDelta(1.0, rectified=True), -0.5, 0.5, -0.5, 0.5) == [[0, 1, 0, 1]]
    plus, minus = SigmaDelta(0.5).encode(np.full((1, 1, 1000), -0.3))[0]
    assert not plus.any()
    assert abs(int(minus.sum()) - 150) <= 1  # the rate of the level


@pytest.mark.parametrize("rectified", [False, True])
@pytest.mark.parametrize("gains", [[0.4, 0.1, 0.9], [0.0, 0.5, 3.0]])
def test_sigma_delta_follows_its_equation(
    signals: NDArray[np.float32], gains: list[float], rectified: bool
) -> None:
    encoder = SigmaDelta(tuple(gains), rectified)
    spikes = encoder.encode(signals)
    assert spikes.any()
    assert np.array_equal(spikes, sigma_delta_by_its_equation(signals, gains, rectified=rectified))
    # a channel without gain has no input channel
    assert encoder.channels(3) == np.count_nonzero(gains) * (1 if rectified else 2)


def test_lif_fires_when_its_leaky_sum_reaches_one() -> None:
    # with leak 1/2 and input 0.6: 0.6, 0.9, 1.05 fires and starts again
    assert one(Lif(1.0, leak=0.5), *[0.6] * 7) == [[0, 0, 1, 0, 0, 1, 0]]
    assert one(Lif(0.5, leak=0.0), 1, 1, 1, 1) == [[0, 1, 0, 1]]  # at exactly one
    # the voltage tends to gain x / leak = 0.99
    assert not Lif(0.5, leak=0.2).encode(np.full((1, 1, 500), 0.396)).any()
    assert Lif(0.5, leak=0.2).encode(np.full((1, 1, 500), 0.404)).any()


def test_lif_follows_its_equation() -> None:
    signals = np.random.default_rng(3).normal(0.3, 0.6, (4, 3, 80)).astype(np.float32)
    gains = [0.2, 1.0, 3.0]
    spikes = Lif(tuple(gains), leak=0.1).encode(signals)
    assert np.array_equal(spikes, lif_by_its_equation(signals, gains, 0.1))


def pixels(encoder: Encoder, *values: int) -> list[str]:
    """Return the spikes of single pixels as text, one character per step."""
    spikes = encoder.encode(np.array(values, np.uint8)[None, :, None])[0]
    return ["".join(str(spike) for spike in row) for row in spikes]


def test_the_codes_of_pixels_by_hand() -> None:
    # 4 steps, level/highest = 0, 1/8, 1/4, 1/2, 3/4, 1. Spikes end at floor(4 p + 1/2) = 0, 1, 1,
    # 2, 3, 4; one falls at t when (t + 1) p + 1/2 crosses an integer.
    rate = ["0000", "0001", "0100", "1010", "1101", "1111"]
    assert pixels(Pixels(4, 8), 0, 1, 2, 4, 6, 8) == rate
    # 5 steps, t = floor((1 - p) 4 + 1/2) for p = 0, 1/8, 1/2, 5/8, 1: -, 4, 2, 2, 0
    latency = ["00000", "00001", "00100", "00100", "10000"]
    assert pixels(Pixels(5, 8, "latency"), 0, 1, 4, 5, 8) == latency


@pytest.mark.parametrize("steps", [1, 2, 7, 12, 100, 256])
@pytest.mark.parametrize("highest", [1, 16, 100, 255])
def test_a_brighter_pixel_fires_more_often_or_earlier(steps: int, highest: int) -> None:
    spikes = Pixels(steps, highest).table()
    levels = np.minimum(np.arange(256), highest)
    counts = spikes.sum(axis=1, dtype=np.int64)
    assert counts.tolist() == [(2 * steps * k + highest) // (2 * highest) for k in levels]
    ideal = np.arange(1, steps + 1) * levels[:, None] / highest
    assert np.abs(spikes.cumsum(axis=1, dtype=np.int64) - ideal).max() <= 0.5 + 1e-9
    latency = Pixels(steps, highest, "latency").table()
    assert latency.sum(axis=1).tolist() == [0] + [1] * 255
    times = latency.argmax(axis=1)[1:]
    assert (np.diff(times) <= 0).all()
    assert (times[highest - 1 :] == 0).all()


@pytest.mark.parametrize("code", CODES)
def test_pixels_are_the_same_in_every_type_and_image_after_image(code: Any) -> None:
    film = np.arange(0, 240, 10).astype(np.uint8).reshape(2, 4, 3)
    encoder = Pixels(6, code=code)
    together = encoder.encode(film)
    assert together.shape == (2, 4, encoder.steps(3)) == (2, 4, 18)
    apart = [encoder.encode(film[:, :, k : k + 1]) for k in range(3)]
    assert np.array_equal(together, np.concatenate(apart, axis=2))
    for kind in (np.float32, np.float64, np.int64):
        assert np.array_equal(encoder.encode(film.astype(kind)), together)
    both = Together((encoder, Pixels(6)))
    assert np.array_equal(both.encode(film)[:, :4], together)


@pytest.mark.parametrize("value", [0.5, -1.0, 256.0])
def test_what_is_no_pixel_is_refused(value: float) -> None:
    with pytest.raises(InputError, match=f"hold {value:g}; .* from 0 to 255"):
        Pixels().encode(np.full((1, 2, 1), value))


@pytest.mark.parametrize("encoder", [Delta(3.0), SigmaDelta(0.01)])
def test_encoders_of_levels_take_bytes_as_the_numbers_that_they_are(encoder: Encoder) -> None:
    counts = np.random.default_rng(0).integers(0, 256, (3, 4, 20)).astype(np.uint8)
    assert np.array_equal(encoder.encode(counts), encoder.encode(counts.astype(np.float32)))


def test_counts_fire_from_their_threshold_on() -> None:
    assert one(Counts(2), 0, 1, 2, 255) == [[0, 0, 1, 1]]


def test_together_puts_the_channels_of_each_part_after_those_before(
    signals: NDArray[np.float32],
) -> None:
    parts = (Delta(0.1, coarse=3), SigmaDelta((0.0, 0.2, 0.4)), SigmaDelta(0.5, rectified=True))
    spikes = Together(parts).encode(signals)
    assert np.array_equal(spikes, np.concatenate([p.encode(signals) for p in parts], axis=1))
    assert spikes.shape[1] == 12 + 4 + 3
    with pytest.raises(InputError, match=r"\[60, 960\] time steps"):
        Together((Delta(), Pixels())).steps(60)


@pytest.mark.parametrize("encoder", [kind() for kind in ENCODERS.values()], ids=list(ENCODERS))
def test_each_encoder_gives_binary_spikes_of_the_shape_it_declares(
    encoder: Encoder, signals: NDArray[np.float32]
) -> None:
    if isinstance(encoder, Pixels):
        signals = np.abs(100 * signals).round().clip(0, 255)
    if isinstance(encoder, Bands):  # one waveform, of some hops
        signals = signals[:, :1].repeat(5, axis=2)
    spikes = encoder.encode(signals)
    samples, channels, num_steps = signals.shape
    assert spikes.shape == (samples, encoder.channels(channels), encoder.steps(num_steps))
    assert spikes.dtype == np.uint8
    assert set(np.unique(spikes)) <= {0, 1}
    alone = [encoder.encode(signals[i : i + 1]) for i in range(samples)]
    assert np.array_equal(spikes, np.concatenate(alone))
    assert encoder.encode(signals[:0]).shape == (0, *spikes.shape[1:])


@pytest.mark.parametrize(
    "encoder",
    [
        *(kind() for kind in ENCODERS.values()),
        Delta((0.1, 1 / 3, 2.0), coarse=4),
        Together((Delta(np.float32(0.1)), SigmaDelta(np.array([0.0, 0.7]), rectified=True))),
        Bands("cochlea", bands=24, range_db=50, code=Together((Delta(), SigmaDelta()))),
    ],
)
def test_each_encoder_survives_json(encoder: Encoder) -> None:
    assert from_dict(json.loads(json.dumps(encoder.as_dict()))) == encoder


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_encode_names_the_sample_and_channel_that_is_not_finite(
    signals: NDArray[np.float32], bad: float
) -> None:
    signals[2, 1, 5] = bad
    with pytest.raises(InputError, match=f"sample 2, channel 1 holds {bad}"):
        Delta().encode(signals)


@pytest.mark.parametrize(
    ("encoder", "shape", "named"),
    [
        (Delta(), (3, 60), r"shape \(3, 60\)"),
        (Delta((0.1, 0.2)), (1, 3, 8), "2 values of threshold for 3 "),
        (SigmaDelta((0.1, 0.2)), (1, 3, 8), "2 values of gain for 3 "),
        (Lif((0.1, 0.2)), (1, 3, 8), "2 values of gain for 3 "),
    ],
)
def test_signals_of_another_shape_are_refused(
    encoder: Encoder, shape: tuple[int, ...], named: str
) -> None:
    with pytest.raises(InputError, match=named):
        encoder.encode(np.zeros(shape))


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("name", "parameters", "named"),
    [
        *(("delta", {"threshold": bad}, f"threshold[0] is {shown}; ")
          for bad, shown in ((0.0, "0.0"), ([NAN], "NaN"), (INF, "Infinity"), (["0.1"], '"0.1"'),
                             (True, "true"), (None, "null"))),
        ("delta", {"threshold": [0.1, -1.0]}, "threshold[1] is -1.0; "),
        ("delta", {"threshold": []}, "threshold is []"),
        *(("delta", {"coarse": bad}, "coarse is ") for bad in (1, -3, 2.0, True, "3")),
        ("sigma-delta", {"gain": [0.0, 0.0]}, "every gain is 0"),
        *(("sigma-delta", {"gain": bad}, "gain") for bad in (-0.5, [INF], "0.5", [])),
        ("sigma-delta", {"rectified": 1}, "rectified is 1; "),
        ("lif", {"gain": 0.0}, "gain[0] is 0.0"),
        *(("lif", {"leak": bad}, "leak is ") for bad in (1.0, -0.1, "much")),
        *(("pixels", {"time_steps": bad}, "time_steps is ") for bad in (0, 4097, 8.0, True)),
        *(("pixels", {"highest": bad}, "highest is ") for bad in ("16", 256)),
        *(("pixels", {"code": bad}, "code is ") for bad in ("phase", ["rate"])),
        *(("counts", {"threshold": bad}, "threshold is ") for bad in (0, 256, 1.5, True)),
        *(("together", {"parts": bad}, "parts") for bad in ([], "delta", ["delta"])),
        ("together", {"parts": [{"name": "morse"}]}, "there is no encoder 'morse'"),
        ("together", {"parts": [{"name": "delta", "gain": 1}]}, "delta has no parameter 'gain'"),
        ("together", {"parts": [{"name": "together"}]}, "another 'together'"),
        ("delta", {"treshold": 1}, "no parameter 'treshold'; it has threshold, coarse"),
        ("morse", {}, "there is no encoder 'morse'; the encoders are delta"),
        (["delta"], {}, "is no encoder"),
    ],
)  # fmt: skip
def test_a_description_that_no_encoder_has_is_refused(
    name: Any, parameters: dict[str, Any], named: str
) -> None:
    with pytest.raises(InputError) as raised:
        from_dict({"name": name, **parameters})
    assert named in str(raised.value)


def test_versions_are_of_all_the_encoders_within(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Bands(code=Together((Delta(0.1), Lif())))
    assert encoder.versions() == {"bands": 1, "together": 1, "delta": 1, "lif": 1}
    monkeypatch.setattr(Lif, "version", 2)
    assert encoder.versions()["lif"] == 2
