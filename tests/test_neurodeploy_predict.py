"""Predictions from recordings and streams: the encoding, both ways, bad input, the command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neurodeploy as nd
from neurodeploy.commands import predict
from neurodeploy.data.encoders import (
    ENCODERS,
    Counts,
    Delta,
    Encoder,
    EncoderStream,
    Lif,
    Pixels,
    SigmaDelta,
    Spikes,
    Together,
)
from neurodeploy.data.readers import hapt
from neurodeploy.hw_sim.readout import leaky_counts, outputs
from neurodeploy.predict.clock import Piece, Resampler
from neurodeploy.predict.columns import label

HEADER = "time (s),acc-x (g),acc-y (g),acc-z (g),gyro-x (rad/s),gyro-y (rad/s),gyro-z (rad/s)"
ENCODER = Together((Delta((0.1,) * 3 + (0.2,) * 3, coarse=3), SigmaDelta((0.5,) * 3 + (0.0,) * 3)))
WINDOW, HOP = 64, 32
CLASSES = ("sit", "walk", "run")


@pytest.fixture
def network() -> nd.QuantizedNetwork:
    """Return a network of 30 spike channels of six sensors, with delays, and 3 classes."""
    rng = np.random.default_rng(26)  # it decides for every class on `sensors`
    decays, threshold = (int(rng.integers(500, 2500)), int(rng.integers(100, 600))), (60, 300)
    neuron = nd.CubaLif(*decays, int(rng.integers(*threshold)))
    hidden = nd.DenseLayer(rng.integers(-160, 160, (20, 30)), neuron)
    weight = rng.integers(-200, 200, (3, 20))
    last = nd.DenseLayer(weight, neuron, rng.integers(0, 10, (1, 20)))
    task = nd.TaskDescription("har", ENCODER.as_dict(), CLASSES, WINDOW, 20.0)
    return nd.QuantizedNetwork.chain((hidden, last), task)


@pytest.fixture
def sensors() -> np.ndarray:
    """Return 400 rows of six sensors at 50 Hz: gravity on z, movement that grows."""
    rng, t = np.random.default_rng(7), np.arange(400)[:, None] / 50
    moved = np.sin(2 * np.pi * np.array([1.0, 1.5, 2.0, 0.5, 1.0, 2.5]) * t) * t / 8
    return moved + rng.normal(0, 0.02, (400, 6)) + np.array([0, 0, 1, 0, 0, 0])


def times(count: int) -> np.ndarray:
    return np.arange(count) / 50


def written(path: Path, rows: np.ndarray, *, header: str = HEADER, t: Any = None) -> Path:
    """Write a recording with a column of times in front."""
    whole = np.column_stack([times(len(rows)) if t is None else t, rows])
    np.savetxt(path, whole, "%.7g", ",", header=header, comments="")
    return path


def of_windows(network: nd.QuantizedNetwork, rows: np.ndarray) -> list[tuple[float, str]]:
    """Return time and class of each window, cut, encoded and run one by one."""
    found = []
    for start in range(0, len(rows) - WINDOW + 1, HOP):
        spikes = ENCODER.encode(rows[None, start : start + WINDOW].transpose(0, 2, 1))
        counts = outputs(network, nd.simulate(network, spikes))[0]
        name = CLASSES[counts.argmax()] if counts.any() else ""
        found.append((round((start + WINDOW - 1) / 50, 6), name))
    return found


def pairs(found: Any) -> list[tuple[float, str]]:
    return [(each.time_s, each.class_name) for each in found]


def in_chunks(rows: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """Yield the rows in chunks of random sizes; a chunk of one is a plain row."""
    rng, start = np.random.default_rng(seed), 0
    while start < len(rows):
        stop = start + int(rng.integers(1, 70))
        yield rows[start] if stop == start + 1 else rows[start:stop]
        start = stop


STREAMED = [
    Delta((0.1, 0.2, 0.3, 0.1)), Delta(0.1, coarse=3), SigmaDelta(0.6), Lif(0.4), Counts(2),
    SigmaDelta((0.5, 0, 0, 1), rectified=True), Pixels(5), Spikes(3),
    Together((Delta(0.2), SigmaDelta(0.5))),
]  # fmt: skip


@pytest.mark.parametrize("encoder", STREAMED, ids=lambda each: each.name)
def test_an_encoder_gives_the_spikes_of_the_whole_signal_in_chunks(encoder: Encoder) -> None:
    rng = np.random.default_rng(1)
    signals = np.cumsum(rng.normal(0, 0.3, (2, 4, 90)), axis=2)
    if encoder.name in ("pixels", "counts"):
        signals = rng.integers(0, 256, (2, 4, 90))
    stream, cuts = EncoderStream(encoder, 4, samples=2), [0, 1, 2, 40, 41, 77, 90]
    parts = [stream.encode(signals[:, :, a:b]) for a, b in pairwise(cuts)]
    whole = encoder.encode(signals)
    end = whole.shape[2] - encoder.trailing_steps()
    np.testing.assert_array_equal(np.concatenate(parts, axis=2), whole[:, :, :end])
    assert encoder.signal_steps(whole.shape[2]) == 90


def test_every_encoder_streams_or_says_that_it_needs_a_whole_recording() -> None:
    assert {each.name for each in STREAMED} == set(ENCODERS) - {"bands"}
    with pytest.raises(nd.InputError, match="bands"):
        EncoderStream(ENCODERS["bands"](), 1)


def test_windows_decide_as_on_cut_samples(network: nd.QuantizedNetwork, sensors: Any) -> None:
    expected = of_windows(network, sensors)
    assert len({name for _, name in expected}) > 1
    assert pairs(nd.predictions(network, sensors, rate_hz=50)) == expected
    assert pairs(nd.predictions(network, sensors.T, rate_hz=50)) == expected


@pytest.mark.parametrize("seed", range(3))
def test_chunks_of_any_size_decide_alike(
    network: nd.QuantizedNetwork, sensors: Any, seed: int
) -> None:
    for continuous in (False, True):
        whole = list(nd.predictions(network, sensors, continuous=continuous))
        parts = list(nd.predictions(network, in_chunks(sensors, seed), continuous=continuous))
        assert parts == whole
        assert len(whole) == 11


def test_continuous_operation_counts_the_spikes_of_one_run(
    network: nd.QuantizedNetwork, sensors: Any
) -> None:
    memory = 20
    run = nd.simulate(network, ENCODER.encode(sensors.T[None])).spikes[-1][0]
    counts = leaky_counts(run, memory)[:, WINDOW - 1 :: HOP]
    found = list(nd.predictions(network, sensors, continuous=True, memory=memory / 50))
    assert [each.class_name for each in found] == [CLASSES[each] for each in counts.argmax(0)]
    np.testing.assert_allclose([d.score for d in found], counts.max(0) / counts.sum(0))


def test_both_ways_decide_at_the_same_times(network: nd.QuantizedNetwork, sensors: Any) -> None:
    found = list(nd.predictions(network, sensors, both=True))
    windows = list(nd.predictions(network, sensors))
    continuous = list(nd.predictions(network, sensors, continuous=True))
    assert found[::2] == windows
    assert found[1::2] == continuous


def test_lava_decides_alike_in_both_ways(network: nd.QuantizedNetwork, sensors: Any) -> None:
    sensors[40, 0] = np.nan  # after it the state is cleared on Lava too
    chunks = list(in_chunks(sensors[:120], 5))
    on_lava = nd.predictions(network, iter(chunks), both=True, hop=0.32, backend="lava")
    assert list(on_lava) == list(nd.predictions(network, sensors[:120], both=True, hop=0.32))


def test_spikes_of_as_many_channels_as_inputs_are_taken(
    network: nd.QuantizedNetwork, sensors: Any, tmp_path: Path
) -> None:
    spikes = ENCODER.encode(sensors.T[None])[0]
    np.save(tmp_path / "spikes.npy", spikes)
    found = nd.predictions(network, tmp_path / "spikes.npy", continuous=True)
    assert pairs(found) == pairs(nd.predictions(network, sensors, continuous=True))


# The columns


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("acc-x (g)", ("acc", "x", "g")),
        ("Acceleration x (m/s^2)", ("acc", "x", "m/s^2")),
        ("Linear Acceleration x (m/s^2)", ("other", "x", "m/s^2")),
        ("Accelerometer_Y", ("acc", "y", "")),
        ("AccZ", ("acc", "z", "")),
        ("accelx", ("acc", "x", "")),
        ("ax", ("acc", "x", "")),
        ("TotalAcceleration_z", ("acc", "z", "")),
        ("gravity_x", ("other", "x", "")),
        ("Gyroscope y (rad/s)", ("gyro", "y", "rad/s")),
        ("gyroZ [deg/s]", ("gyro", "z", "deg/s")),
        ("wx", ("gyro", "x", "")),
        ("rotationRateX", ("gyro", "x", "")),
        ("seconds_elapsed", ("", "", "")),
    ],
)
def test_names_of_sensor_loggers_are_known(name: str, expected: tuple[str, str, str]) -> None:
    found = label(name)
    assert (found.sensor, found.axis, found.unit) == expected


def test_columns_are_found_by_name_in_any_order_and_unit(
    network: nd.QuantizedNetwork, sensors: Any, tmp_path: Path
) -> None:
    order = [5, 0, 3, 2, 1, 4]
    factors = [9.80665] * 3 + [180 / np.pi] * 3
    names = [f"Acceleration {a} (m/s^2)" for a in "xyz"] + [f"Gyroscope {a} (deg/s)" for a in "xyz"]
    header = ";".join(['"Time (s)"', *(f'"{names[i]}"' for i in order), "note"])
    lines = [
        ";".join([f"{t:.3f}", *(f"{row[i] * factors[i]:.9f}" for i in order), "resting"])
        for t, row in zip(times(400), sensors)
    ]
    path = tmp_path / "phone.csv"
    path.write_text("\ufeff" + "\r\n".join([header, *lines]).replace(".", ",") + "\r\n")
    assert pairs(nd.predictions(network, path)) == of_windows(network, sensors)


@pytest.mark.parametrize("unit", [1e3, 1e6, 1e9])
def test_the_unit_of_the_times_is_told_by_the_rate(
    network: nd.QuantizedNetwork, sensors: Any, tmp_path: Path, unit: float
) -> None:
    header = "timestamp," + HEADER.split(",", 1)[1]
    path = tmp_path / "phone.csv"
    lines = [
        ",".join([str(round(1.7e9 * unit + t * unit)), *map(repr, row.tolist())])
        for t, row in zip(times(400), sensors)
    ]
    path.write_text("\n".join([header, *lines, ""]))
    found = pairs(nd.predictions(network, path))
    expected = of_windows(network, sensors)
    assert [name for _, name in found] == [name for _, name in expected]
    np.testing.assert_allclose([t for t, _ in found], [t for t, _ in expected], atol=1e-5)


def test_files_of_one_sensor_each_are_joined_by_their_times(
    network: nd.QuantizedNetwork, sensors: Any, tmp_path: Path
) -> None:
    header = "time,seconds_elapsed,z,y,x"  # as Sensor Logger writes them
    epoch = 1_700_000_000_000_000_000 + np.arange(400) * 20_000_000
    for name, part in (("TotalAcceleration", sensors[:, :3]), ("Gyroscope", sensors[:, 3:])):
        lines = [
            ",".join([str(ns), f"{t:.6f}", *(f"{value:.17g}" for value in row[::-1])])
            for ns, t, row in zip(epoch, times(400), part)
        ]
        (tmp_path / f"{name}.csv").write_text("\n".join([header, *lines, ""]))
    paths = [tmp_path / "TotalAcceleration.csv", tmp_path / "Gyroscope.csv"]
    assert pairs(nd.predictions(network, paths)) == of_windows(network, sensors)
    second = paths[1].read_text().splitlines()
    paths[1].write_text(
        "\n".join([*second[:101], *second[131:-30], ""])
    )  # 30 rows lost, and the end
    found = list(nd.predictions(network, paths))
    assert [(round(each.time_s, 2), each.gap) for each in found if each.gap] == [
        (3.86, "not a number")
    ]
    assert found[-1].time_s < 7.4
    with pytest.raises(nd.InputError, match="no column for gyro-x"):
        nd.predictions(network, paths[0])


def test_a_channel_without_a_column_is_named(
    network: nd.QuantizedNetwork, sensors: Any, tmp_path: Path
) -> None:
    path = written(tmp_path / "a.csv", sensors, header=HEADER.replace("gyro-y", "mag-y"))
    with pytest.raises(nd.InputError, match=r"no column for gyro-y.*--columns"):
        nd.predictions(network, path)
    twice = written(tmp_path / "b.csv", sensors, header=HEADER.replace("gyro-y", "gyro-x"))
    with pytest.raises(nd.InputError, match=r"several columns .*gyro-x"):
        nd.predictions(network, twice)
    names = ("acc-x (g)", "acc-y (g)", "acc-z (g)", "gyro-x (rad/s)", "mag-y (rad/s)")
    chosen = (*names, "gyro-z (rad/s)")
    with pytest.raises(nd.InputError, match="give a list of names"):
        nd.predictions(network, path, columns="acc-x (g)")
    assert pairs(nd.predictions(network, path, columns=chosen)) == of_windows(
        network, np.float64([[float(f"{v:.7g}") for v in row] for row in sensors])
    )


def test_a_unit_given_for_columns_that_state_another_is_noted(
    network: nd.QuantizedNetwork, sensors: Any, tmp_path: Path
) -> None:
    path = written(tmp_path / "phone.csv", sensors)
    assert not nd.predictions(network, path, units={"acc": "g"}).notes
    (note,) = nd.predictions(network, path, units={"acc": "m/s^2"}).notes
    assert note == "the columns of acc state g; taken as m/s^2, as given"
    with pytest.raises(nd.InputError, match="unit is given for 'mag', and the network takes acc"):
        nd.predictions(network, path, units={"mag": "uT"})


def test_an_acceleration_that_cannot_be_in_g_is_refused(
    network: nd.QuantizedNetwork, sensors: Any, tmp_path: Path
) -> None:
    header = HEADER.replace(" (g)", "").replace(" (rad/s)", "")
    scaled = sensors * np.array([9.80665] * 3 + [1] * 3)
    path = written(tmp_path / "phone.csv", scaled, header=header)
    with pytest.raises(nd.InputError, match=r"--acc-unit m/s\^2"):
        list(nd.predictions(network, path))
    found = nd.predictions(network, path, units={"acc": "m/s^2"})
    assert len(pairs(found)) == 11
    flat = written(tmp_path / "flat.csv", sensors - [0, 0, 1, 0, 0, 0], header=header)
    with pytest.raises(nd.InputError, match="with gravity"):
        list(nd.predictions(network, flat))


def test_on_a_terminal_changes_are_printed(
    files: tuple[Path, Path],
    network: nd.QuantizedNetwork,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    assert predict.main([*map(str, files)]) == 0
    shown = [line.split() for line in capsys.readouterr().out.splitlines() if line[:2] == "0:"]
    made = list(nd.predictions(network, files[1]))
    changed = [b for a, b in zip([None, *made], made) if a is None or a.class_name != b.class_name]
    assert [words[1] for words in shown[: len(changed)]] == [
        each.class_name or "(silent)" for each in changed
    ]


def test_a_wrong_number_of_columns_says_what_the_network_takes(
    network: nd.QuantizedNetwork, sensors: Any
) -> None:
    with pytest.raises(nd.InputError, match=r"\(400, 4\).* 6 or 30"):
        nd.predictions(network, sensors[:, :4])
    with pytest.raises(nd.InputError, match=r"4 columns .* 6 channels .*acc-x"):
        nd.predictions(network, iter(sensors[:, :4]))
    with pytest.raises(nd.InputError, match="the iterator gives no rows; the network takes"):
        nd.predictions(network, iter(()))


# Gaps, rates, damaged input


def test_after_missing_rows_prediction_starts_again_and_says_so(
    network: nd.QuantizedNetwork, sensors: Any, tmp_path: Path
) -> None:
    t = times(400) + np.where(np.arange(400) >= 150, 0.5, 0)
    path = written(tmp_path / "a.csv", sensors, t=t)
    for continuous in (False, True):
        found = list(nd.predictions(network, path, continuous=continuous))
        assert [d.gap for d in found if d.gap] == ["missing rows"]
        after = [d for d in found if d.time_s > 150 / 50]
        assert after[0].gap
        rest = nd.predictions(network, iter(np.loadtxt(path, delimiter=",", skiprows=151)[:, 1:]),
                              continuous=continuous)  # fmt: skip
        assert [d.class_name for d in after] == [d.class_name for d in rest]


def test_every_gap_counts_also_within_a_chunk(
    network: nd.QuantizedNetwork, sensors: Any, tmp_path: Path
) -> None:
    kept = np.arange(400) % 90 != 89  # four rows are lost, each alone
    for header in (HEADER, HEADER.replace("time (s)", "timestamp")):
        path = written(tmp_path / "a.csv", sensors[kept], t=times(400)[kept], header=header)
        found = nd.predictions(network, path)
        assert [(round(d.time_s, 2), d.gap) for d in found if d.gap] == [
            (round((first + WINDOW - 1) / 50, 2), "missing rows") for first in (90, 180, 270)
        ]
        assert found.gaps == 4
        allowed = nd.predictions(network, path, max_gap=0.05)
        assert len(list(allowed)) == (396 - WINDOW) // HOP + 1
        assert allowed.gaps == 0


def test_dates_are_times(network: nd.QuantizedNetwork, sensors: Any, tmp_path: Path) -> None:
    lines = [
        ",".join([f"2026-05-01 23:59:5{6 + k // 50}.{k % 50 * 20:03}", *map(str, row)])
        for k, row in enumerate(sensors[:200].tolist())
    ]
    path = tmp_path / "a.csv"
    path.write_text("\n".join([HEADER.replace("time (s)", "date time"), *lines, ""]))
    assert pairs(nd.predictions(network, path)) == of_windows(network, sensors[:200])


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e40])
def test_a_value_that_is_not_a_number_is_a_gap(
    network: nd.QuantizedNetwork, sensors: Any, value: float
) -> None:
    sensors[100, 3] = value
    found = nd.predictions(network, sensors)
    decisions = list(found)
    assert [(d.time_s, d.gap) for d in decisions if d.gap] == [(164 / 50, "not a number")]
    assert found.gaps == 1
    assert pairs(decisions)[:2] == of_windows(network, sensors[:100])
    names = [name for _, name in of_windows(network, sensors[101:])]
    assert [name for _, name in pairs(decisions)[2:]] == names
    assert found.notes[-1] == "rows with a value that is not a number: 1 of 400; left out"


def test_a_recording_that_ends_without_numbers_says_how_many_rows_it_lost(
    network: nd.QuantizedNetwork, sensors: Any
) -> None:
    sensors[200:] = np.nan
    found = nd.predictions(network, sensors)
    assert pairs(found) == of_windows(network, sensors[:200])
    assert found.notes[-1] == "rows with a value that is not a number: 200 of 400; left out"


def test_a_clock_that_runs_backwards_is_a_gap_and_times_go_on(
    network: nd.QuantizedNetwork, sensors: Any, tmp_path: Path
) -> None:
    t = times(400) - np.where(np.arange(400) >= 200, 3.0, 0)
    found = list(nd.predictions(network, written(tmp_path / "a.csv", sensors, t=t)))
    assert [d.gap for d in found if d.gap] == ["clock"]
    assert [d.time_s for d in found] == sorted({d.time_s for d in found})
    assert found[-1].time_s < times(400)[-1] + 0.05


def test_repeated_times_are_left_out_with_a_note(
    network: nd.QuantizedNetwork, sensors: Any, tmp_path: Path
) -> None:
    twice = np.repeat(np.arange(400), 1 + (np.arange(400) % 50 == 0))
    path = written(tmp_path / "a.csv", sensors[twice], t=times(400)[twice])
    found = nd.predictions(network, path)
    rounded = np.loadtxt(path, delimiter=",", skiprows=1)[:, 1:]
    kept = np.unique(twice, return_index=True)[1]
    assert pairs(found) == of_windows(network, rounded[kept])
    assert [note for note in found.notes if note.startswith("8 rows")]


def test_another_rate_is_refused_and_resampled_on_request(
    network: nd.QuantizedNetwork, sensors: Any, tmp_path: Path
) -> None:
    path = written(tmp_path / "a.csv", sensors, t=times(400) / 2)
    with pytest.raises(nd.InputError, match=r"100 rows a second.*takes 50.*--rate 100"):
        list(nd.predictions(network, path))
    with pytest.raises(nd.InputError, match=r"100 rows a second.*--rate is 80"):
        list(nd.predictions(network, path, rate_hz=80))
    found = nd.predictions(network, path, rate_hz=100)
    assert [d.time_s for d in found] == pytest.approx([1.26, 1.9, 2.54, 3.18, 3.82])
    assert found.seconds == pytest.approx(4.0)


def test_spikes_are_not_resampled(network: nd.QuantizedNetwork, sensors: Any) -> None:
    spikes = ENCODER.encode(sensors.T[None])[0]
    with pytest.raises(nd.InputError, match="spikes cannot be resampled"):
        list(nd.predictions(network, spikes, rate_hz=100))


@pytest.mark.parametrize("rate", [20.0, 37.0, 100.0, 128.0])
def test_resampling_keeps_slow_signals_whatever_the_chunks(rate: float) -> None:
    t = np.arange(int(4 * rate)) / rate + 5.0
    jitter = np.random.default_rng(0).uniform(-0.2, 0.2, len(t)) / rate
    t = t + jitter
    signal_of = np.sin(2 * np.pi * 0.8 * t)[:, None]
    whole = Resampler(rate, 50.0).push(Piece(signal_of, t))
    resampler, parts = Resampler(rate, 50.0), []
    for a, b in zip([0, 1, 7, 30], [1, 7, 30, len(t)]):
        parts.append(resampler.push(Piece(signal_of[a:b], t[a:b])))
    np.testing.assert_array_equal(np.concatenate([p.values for p in parts]), whole.values)
    np.testing.assert_array_equal(np.concatenate([p.times for p in parts]), whole.times)
    delay = 0.02 if rate > 50 else 0.0
    expected = np.sin(2 * np.pi * 0.8 * (whole.times - delay))
    assert np.abs(whole.values[10:, 0] - expected[10:]).max() < 0.06


def test_resampling_down_removes_what_the_lower_rate_cannot_hold() -> None:
    t = np.arange(400) / 200
    fast = np.sin(2 * np.pi * 60 * t)[:, None]  # 10 Hz after taking every fourth row
    assert np.abs(Resampler(200, 50).push(Piece(fast, t)).values[20:]).max() < 0.02


def test_a_last_line_without_an_end_is_left_out_and_noted(
    network: nd.QuantizedNetwork, sensors: Any, tmp_path: Path
) -> None:
    path = written(tmp_path / "a.csv", sensors)
    path.write_text(path.read_text()[:-9])
    found = nd.predictions(network, path)
    assert len(list(found)) == 11
    assert any("may be cut" in note for note in found.notes)


@pytest.mark.parametrize(
    ("line", "words"),
    [("1,2,3", "has 3 fields and the first line 7"), ("1,2,3,4,five,6,7", "'five' is no number")],
)
def test_a_damaged_line_is_named_after_the_decisions_before_it(
    network: nd.QuantizedNetwork, sensors: Any, tmp_path: Path, line: str, words: str
) -> None:
    path = written(tmp_path / "a.csv", sensors)
    lines = path.read_text().splitlines()
    lines[201:201] = [line]
    path.write_text("\n".join(lines) + "\n")
    found, decided = nd.predictions(network, path), []
    with pytest.raises(nd.InputError, match=f"row 202: .*{words}"):
        decided.extend(found)
    assert pairs(decided) == pairs(nd.predictions(network, written(path, sensors[:200])))


def test_the_command_writes_decisions_and_summary_before_it_names_a_damaged_line(
    files: tuple[Path, Path], command: Callable[..., Any]
) -> None:
    lines = files[1].read_text().splitlines()
    files[1].write_text("\n".join([*lines[:201], "1,2,3", *lines[201:]]) + "\n")
    code, out, err = command("predict", *files, "--cost")
    assert code == 2
    assert len(out.splitlines()) == 1 + 5
    assert "5 decisions on 4.00 s" in err
    assert "energy per hour" in err
    assert "row 202" in err.splitlines()[-1]


def test_an_empty_recording_and_a_short_one(
    network: nd.QuantizedNetwork, sensors: Any, tmp_path: Path
) -> None:
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(nd.InputError, match="has no rows"):
        nd.predictions(network, tmp_path / "empty.csv")
    assert list(nd.predictions(network, sensors[:63])) == []
    assert list(nd.predictions(network, written(tmp_path / "a.csv", sensors[:0]))) == []


def test_a_network_without_a_time_step_asks_for_the_rate(
    network: nd.QuantizedNetwork, sensors: Any
) -> None:
    plain = replace(network, task=nd.TaskDescription(class_names=CLASSES))
    spikes = ENCODER.encode(sensors.T[None])[0]
    with pytest.raises(nd.InputError, match="--rate"):
        nd.predictions(plain, spikes)
    with pytest.raises(nd.InputError, match="--window"):
        nd.predictions(plain, spikes, rate_hz=50)
    assert len(list(nd.predictions(plain, spikes, rate_hz=50, window=1.28))) == 11


def test_an_iterator_is_asked_only_for_what_is_needed(
    network: nd.QuantizedNetwork, sensors: Any
) -> None:
    given = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal given
        while True:
            given += 1
            yield sensors[given % 400]

    found = nd.predictions(network, endless())
    assert next(found).time_s == pytest.approx(63 / 50)
    assert given == WINDOW


def test_empty_chunks_of_an_iterator_pass(network: nd.QuantizedNetwork, sensors: Any) -> None:
    given = iter([[], sensors[:0], sensors[:100], [], sensors[100:]])
    assert pairs(nd.predictions(network, given)) == pairs(nd.predictions(network, sensors))


@pytest.mark.parametrize("window", ["1", -1, float("nan")])
def test_a_window_that_is_no_time_is_refused(
    network: nd.QuantizedNetwork, sensors: Any, window: Any
) -> None:
    with pytest.raises(nd.InputError, match=f"window is {window!r}; give a finite number over 0"):
        nd.predictions(network, sensors, window=window)


def test_continuous_and_both_exclude_each_other(network: nd.QuantizedNetwork, sensors: Any) -> None:
    with pytest.raises(nd.InputError, match="continuous and both are True"):
        nd.predictions(network, sensors, continuous=True, both=True)


def test_streams_and_predictions_show_how_far_they_are(
    network: nd.QuantizedNetwork, sensors: Any
) -> None:
    found = nd.predictions(network, sensors)
    assert repr(found).startswith("Predictions(0 decisions")
    stream = nd.Stream(network, 3)
    stream.run(np.zeros((3, network.inputs, 7), np.uint8))
    assert repr(stream).endswith("num_streams=3, steps=7)")


# The command


@pytest.fixture
def files(network: nd.QuantizedNetwork, sensors: Any, tmp_path: Path) -> tuple[Path, Path]:
    """Write the network and the recording."""
    nd.save(network, tmp_path / "model.net")
    return tmp_path / "model.net", written(tmp_path / "phone.csv", sensors)


def test_the_command_writes_a_line_for_each_decision(
    files: tuple[Path, Path], network: nd.QuantizedNetwork, command: Callable[..., Any]
) -> None:
    expected = list(nd.predictions(network, files[1]))
    code, out, err = command("predict", *files)
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "time_s,class_name,score,gap"
    assert [line.split(",")[:2] for line in lines[1:]] == [
        [str(d.time_s), d.class_name] for d in expected
    ]
    assert "11 decisions on 8.00 s" in err
    code, out, _ = command("predict", *files, "--json", "--both")
    ways = [json.loads(line) for line in out.splitlines()]
    assert [each["way"] for each in ways[:2]] == ["windows", "continuous"]
    assert len(ways) == 22


def test_the_cost_counts_what_spiked(
    files: tuple[Path, Path], command: Callable[..., Any], network: nd.QuantizedNetwork
) -> None:
    words = ("--both", "--cost", "--battery-mah", "300", "--hop", "1.28", "--chip", "loihi2")
    code, _, err = command("predict", *files, *words)
    assert code == 0
    assert "not modelled: waking the chip" in err
    assert err.count("300 mAh at 3.7 V lasts") == 2


def test_the_cost_per_decision_is_that_of_the_estimate(
    network: nd.QuantizedNetwork, sensors: Any
) -> None:
    from neurodeploy.hw_sim.chips import choose
    from neurodeploy.predict.cost import Battery, CostMeter
    from neurodeploy.predict.predicting import Options, observed

    (chip,) = choose(["loihi2"], ())
    meters: list[CostMeter] = []

    def meter(plan: Any, _: Any) -> CostMeter:
        meters.append(CostMeter(plan, chip))
        return meters[0]

    list(observed(network, sensors, Options(hop=1.28), [meter]))
    (cost,) = meters[0].costs()
    cut = np.stack([sensors[a : a + WINDOW].T for a in range(0, 400 - WINDOW + 1, WINDOW)])
    expected = nd.estimate(network, nd.simulate(network, ENCODER.encode(cut)), "loihi2")
    assert cost.dynamic.value == pytest.approx(expected.energy.dynamic.value)
    assert cost.latency_s.value == pytest.approx(expected.latency.sample_s.value)
    per_hour = cost.per_decision.value * 3600 / 1.28
    assert cost.per_hour.value == pytest.approx(per_hour)
    hours = cost.hours(Battery(100, 3.0))
    assert hours is not None
    assert hours.value == pytest.approx(100 * 3.6 * 3.0 / per_hour)


def test_a_cell_has_no_life_on_a_chip_that_costs_nothing(
    files: tuple[Path, Path], command: Callable[..., Any], tmp_path: Path
) -> None:
    costs = resources.files("neurodeploy.hw_sim.chips") / "costs" / "loihi1.json"
    free = json.loads(costs.read_text(encoding="utf-8")) | {"name": "free"}
    for row in free["costs"].values():
        row |= {"value": 0, "alternatives": []}
    (tmp_path / "free.json").write_text(json.dumps(free))
    words = ("--cost", "--costs", tmp_path / "free.json", "--battery-mah", "300")
    code, _, err = command("predict", *files, *words)
    assert code == 0
    assert "energy per hour      0 (0 to 0) J" in err
    assert "a cell of 300 mAh at 3.7 V: no estimate, since the energy may be 0" in err


def test_the_picture_is_drawn(files: tuple[Path, Path], command: Callable[..., Any]) -> None:
    picture = files[0].with_name("over-time.png")
    code, _, err = command("predict", *files, "--both", "--plot", picture)
    assert code == 0
    assert str(picture) in err
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--battery-mah", "300"), "--cost"),
        (("--memory", "1"), "--continuous"),
        (("--plot", "a.txt"), ".png"),
        (("--rate", "100"), "--rate is 100"),
        (("--columns", "a,b"), "no column 'a'"),
        (("--hop", "0.001"), "--hop"),
        (("--time", "clock"), "'clock'"),
    ],
)
def test_the_command_refuses(
    files: tuple[Path, Path], command: Callable[..., Any], words: tuple[str, ...], named: str
) -> None:
    code, _, err = command("predict", *files, *words)
    assert code == 2
    assert named in err
    assert len(err.strip().splitlines()) == 1


def started(files: tuple[Path, Path], *words: str, **how: Any) -> subprocess.Popen[bytes]:
    """Start the command on stdin."""
    argv = [sys.executable, "-m", "neurodeploy.predict", str(files[0]), "-", *words]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(argv, **{**pipes, **how})


def test_decisions_come_while_the_input_arrives_and_survive_ctrl_c(
    files: tuple[Path, Path],
) -> None:
    lines = files[1].read_bytes().splitlines(keepends=True)
    with started(files) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(b"".join(lines[: 1 + WINDOW]))
        running.stdin.flush()
        assert running.stdout.readline().startswith(b"time_s")
        assert running.stdout.readline().startswith(b"1.26,")
        running.stdin.write(b"".join(lines[1 + WINDOW : 1 + WINDOW + HOP]) + b"0.1,0.2")
        running.stdin.flush()
        assert running.stdout.readline().startswith(b"1.9,")
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert out == b""
    assert b"2 decisions written" in err


def test_a_reader_that_stops_stops_the_writer_and_nothing_is_lost(
    files: tuple[Path, Path],
) -> None:
    header, *rows = files[1].read_bytes().splitlines(keepends=True)
    block = b"".join(row.split(b",", 1)[1] for row in rows)
    names = header.split(b",", 1)[1]
    with started(files, "--hop", "0.02", stderr=subprocess.DEVNULL) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        sink = running.stdin.fileno()
        running.stdin.write(names)
        running.stdin.flush()
        assert running.stdout.readline().startswith(b"time_s")
        os.set_blocking(sink, False)
        sent, quiet = 0, 0
        while quiet < 20 and sent < 100 * len(block):  # until nothing is taken for two seconds
            try:
                sent += os.write(sink, block[sent % len(block) :])
                quiet = 0
            except BlockingIOError:
                quiet += 1
                signal.sigtimedwait([], 0.1)
        assert sent < 20 * len(block)  # about 300 kB: the pipes and one block
        os.set_blocking(sink, True)
        lines = (block * 2)[: sent % len(block)].count(b"\n") + sent // len(block) * 400
        running.stdin.close()
        decisions = running.stdout.read().splitlines()
    assert len(decisions) == lines - WINDOW + 1


def test_the_page_runs(
    network: nd.QuantizedNetwork, run_page: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    if hapt.package_file() is None:
        pytest.skip("the package with HAPT is not installed")
    nd.save(network, "runs/har/model.net")
    run_page("docs/how-to/predict.md")
    assert len(capsys.readouterr().out.splitlines()) == 9
    assert len(list(nd.predictions(network, "phone.csv"))) > 500
