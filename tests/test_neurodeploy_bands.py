"""The encoder of sound: its spectrum against a sum by hand, its resonators against pure tones."""

from __future__ import annotations

import cmath
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from neurodeploy.data.encoders import Bands, Delta, Lif, Together, bands, from_dict
from neurodeploy.models.errors import InputError

RATE = 8000
KINDS = ("log-mel", "cochlea")


def tone(hz: float, *, samples: int = RATE, amplitude: float = 0.5) -> NDArray[np.float32]:
    """Return a pure tone, float32 (1, 1, samples)."""
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(samples) / RATE)).astype(np.float32)[
        None, None
    ]


@pytest.fixture
def sounds() -> NDArray[np.float32]:
    """Return noise of five recordings of 2,000 samples, each with another loudness."""
    rng = np.random.default_rng(11)
    return (rng.normal(0, 0.1, (5, 1, 2000)) * np.geomspace(1, 0.01, 5)[:, None, None]).astype(
        np.float32
    )


# Power on the mel scale


def test_the_mel_scale_and_its_inverse_agree_and_1000_hz_is_1000_mel() -> None:
    assert bands.mel(1000.0) == pytest.approx(1000, abs=0.02)
    assert bands.hertz(bands.mel([50.0, 440.0, 3800.0])) == pytest.approx([50, 440, 3800])


def test_a_triangle_is_one_at_its_middle_and_zero_at_its_edges() -> None:
    # lines are 31.25 Hz apart: edges on lines 4, 8, 10
    edges = np.array([125.0, 250.0, 312.5])
    weights = bands.filterbank(edges, rate_hz=RATE, frame=256)[:, 0]
    assert weights[4:11] == pytest.approx([0, 0.25, 0.5, 0.75, 1, 0.5, 0])
    assert not weights[:4].any()
    assert not weights[11:].any()


def test_power_equals_a_fourier_sum_by_hand(sounds: NDArray[np.float32]) -> None:
    frame, hop, points, t, band = 200, 80, 256, 6, 9
    edges = bands.band_edges(20, 100, 3800)
    weights = bands.filterbank(edges, rate_hz=RATE, frame=frame)
    power = bands.band_power(sounds[:, 0], weights, frame=frame, hop=hop)
    heard = sounds[2, 0, (t + 1) * hop - frame : (t + 1) * hop].tolist()
    total = 0.0
    for line in range(points // 2 + 1):
        hz = line * RATE / points
        rise = (hz - edges[band]) / (edges[band + 1] - edges[band])
        fall = (edges[band + 2] - hz) / (edges[band + 2] - edges[band + 1])
        sum_ = sum(
            (0.5 - 0.5 * math.cos(2 * math.pi * n / frame))
            * x
            * cmath.exp(-2j * math.pi * line * n / points)
            for n, x in enumerate(heard)
        )
        total += max(0.0, min(rise, fall)) * abs(sum_) ** 2
    assert power[2, band, t] == pytest.approx(total, rel=1e-9)


def test_a_band_that_holds_no_line_of_the_spectrum_is_refused() -> None:
    with pytest.raises(InputError, match=r"band 0, 100 to 1\d\d Hz, contains no FFT bin"):
        Bands(bands=128)


# Resonators


def test_a_tone_at_a_resonator_has_the_mean_of_its_half_waves_as_envelope() -> None:
    sound = tone(1037, amplitude=0.3)[:, 0]
    envelope = bands.envelopes(sound, np.array([1037.0]), rate_hz=RATE, hop=80)
    assert envelope[0, 0, 20:].mean() == pytest.approx(0.3 / math.pi, rel=2e-3)


def test_a_resonator_follows_its_equation_sample_by_sample(sounds: NDArray[np.float32]) -> None:
    place, hop = 700.0, 80
    envelope = bands.envelopes(sounds[:1, 0], np.array([place]), rate_hz=RATE, hop=hop)
    radius = math.exp(-math.pi * 24.7 * (1 + 0.00437 * place) / RATE)
    turn = cmath.exp(-2j * math.pi * place / RATE)
    falls = 1 - 2 * radius * math.cos(2 * math.pi * place / RATE) * turn + radius**2 * turn**2
    gain = abs(falls) / abs(1 - turn**2)
    x, y, smooth = [0.0, 0.0, *sounds[0, 0].tolist()], [0.0, 0.0], 0.0
    for n in range(2, len(x)):
        middle = 2 * radius * math.cos(2 * math.pi * place / RATE) * y[-1]
        y.append(gain * (x[n] - x[n - 2]) + middle - radius**2 * y[-2])
    for t in range(len(x) // hop):
        heard = y[2 + t * hop : 2 + (t + 1) * hop]
        smooth = (sum(max(0.0, value) for value in heard) / hop + smooth) / 2
        assert envelope[0, 0, t] == pytest.approx(smooth, rel=1e-6)


# Levels


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("band", [5, 14, 25])
def test_a_pure_tone_is_loudest_in_the_band_it_lies_in(kind: str, band: int) -> None:
    encoder = Bands(kind)
    middles = {
        "log-mel": bands.band_edges(32, 100, 3800)[1:-1],
        "cochlea": bands.centres(32, 100, 3800),
    }
    levels = encoder.levels(tone(middles[kind][band]))
    assert (levels[0, :, 30:].argmax(axis=0) == band).all()


@pytest.mark.parametrize("kind", KINDS)
def test_levels_do_not_depend_on_the_volume(kind: str, sounds: NDArray[np.float32]) -> None:
    encoder = Bands(kind, bands=20)
    levels = encoder.levels(sounds)
    assert np.array_equal(encoder.levels(sounds / 64), levels)
    assert levels.dtype == np.float32
    assert levels.shape == (5, 20, 25)
    assert levels.min() >= 0
    assert (levels.max(axis=(1, 2)) == 1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_ten_times_less_sound_is_twenty_decibels_lower(kind: str) -> None:
    sound = tone(1000, samples=2 * RATE)
    sound[:, :, RATE:] /= 10
    levels = Bands(kind, range_db=50).levels(sound)[0].max(axis=0)
    assert levels[50] - levels[150] == pytest.approx(20 / 50, abs=0.002)


@pytest.mark.parametrize("kind", KINDS)
def test_silence_has_level_zero_and_no_spike(kind: str) -> None:
    encoder = Bands(kind)
    silence = np.zeros((2, 1, 1600), np.float32)
    assert not encoder.levels(silence).any()
    assert not encoder.encode(silence).any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_does_not_hear_what_comes_after_it(kind: str, sounds: NDArray[np.float32]) -> None:
    later = sounds.copy()
    later[:, :, 1200:] *= 0.5  # quieter, so that the loudest value may stay the same
    later[:, :, :400] = sounds[:, :, :400] = sounds[:, :, :400] * 50
    encoder = Bands(kind)
    assert np.array_equal(encoder.levels(later)[:, :, :15], encoder.levels(sounds)[:, :, :15])


@pytest.mark.parametrize("kind", KINDS)
def test_a_recording_has_the_same_spikes_alone_and_among_others(kind: str) -> None:
    sounds = np.random.default_rng(5).normal(0, 0.1, (300, 1, 800)).astype(np.float32)
    encoder = Bands(kind, bands=12)
    together = encoder.encode(sounds)
    alone = np.concatenate([encoder.encode(sounds[i : i + 1]) for i in range(250, 260)])
    assert np.array_equal(together[250:260], alone)


def test_the_spikes_are_those_of_the_code_on_the_levels(sounds: NDArray[np.float32]) -> None:
    code = Together((Delta((0.1,), coarse=3), Lif((0.4,))))
    encoder = Bands(bands=16, code=code)
    spikes = encoder.encode(sounds)
    assert np.array_equal(spikes, code.encode(encoder.levels(sounds)))
    assert spikes.shape == (5, encoder.channels(1), encoder.steps(2000)) == (5, 5 * 16, 25)


def test_samples_after_the_last_whole_hop_are_not_heard(sounds: NDArray[np.float32]) -> None:
    encoder = Bands()
    assert encoder.steps(1679) == 20
    assert np.array_equal(encoder.encode(sounds[:, :, :1679]), encoder.encode(sounds[:, :, :1600]))


# Descriptions and refusals


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"kind": "mfcc"}, 'kind is "mfcc"; '),
        ({"bands": 0}, "bands is 0; "),
        ({"bands": 20.0}, "bands is 20.0; "),
        ({"range_db": 0}, "range_db is 0; "),
        ({"hop_ms": math.nan}, "hop_ms is NaN; "),
        ({"hop_ms": 10.03}, "hop_ms is 10.03, which is 80.24 samples of 8000 Hz"),
        ({"frame_ms": 0.125}, "frame_ms is 0.125, which is 1 samples .* from 2 up"),
        ({"high_hz": 4100}, "low_hz is 100 and high_hz 4100; .* at most half of rate_hz, 4000"),
        ({"low_hz": 3800}, "low_hz is 3800 and high_hz 3800; low_hz must be below"),
        ({"kind": "cochlea", "high_hz": 4000}, "high_hz is 4000; a resonator must lie below half"),
        ({"code": "delta"}, 'code is "delta"; '),
        ({"code": {"name": "nothing"}}, "there is no encoder 'nothing'"),
        ({"code": {"name": "bands"}}, "code is another 'bands'"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_dict({"name": "bands", **parameters})


def test_signals_of_more_than_one_channel_are_refused() -> None:
    with pytest.raises(InputError, match="takes one waveform, but the signals have 2 channels"):
        Bands().encode(np.zeros((1, 2, 8000)))


def test_a_recording_shorter_than_a_hop_is_refused() -> None:
    with pytest.raises(InputError, match="recordings have 79 samples, fewer than the hop of 80"):
        Bands().encode(np.zeros((1, 1, 79)))


def test_a_code_that_does_not_fit_the_bands_is_refused() -> None:
    with pytest.raises(InputError, match="2 values of threshold for 32 signal channels"):
        Bands(code=Delta((0.1, 0.2))).encode(np.zeros((1, 1, 800)))
