"""WISDM v1.1 and WISDM 2019 on tiny copies of their layouts."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from neurodeploy.models.errors import InputError
from neurodeploy.tasks import har
from neurodeploy.tasks.readers import wisdm
from neurodeploy.tasks.readers.inertial import ACCELEROMETER, GYROSCOPE


def test_wisdm_reads_what_the_official_file_spells_badly_and_counts_the_rest(
    wisdm_folder: Path,
) -> None:
    dataset = har.HAR.load(wisdm_folder)
    assert dataset.signals.shape == (3 * 6 * 2, 3, 128)
    assert dataset.channel_names == ACCELEROMETER
    assert dataset.rate_hz == 20.0
    assert dataset.notes == (
        "malformed records left out: 1",
        "records left out, without a time: 1",
        "3601 of the 1098207 official records are in the file",
        "no official test subjects: those with a number divisible by 4 test",
    )


def test_wisdm_values_are_in_g(wisdm_folder: Path) -> None:
    dataset = har.HAR.load(wisdm_folder)
    assert np.allclose(dataset.signals[:, 0, 0], dataset.subjects)
    assert np.allclose(dataset.signals[:, 1:, 0], [0, 1])


def test_wisdm_tests_on_every_subject_whose_number_is_a_multiple_of_four() -> None:
    assert wisdm.chosen_test_subjects(range(1, 37)) == (4, 8, 12, 16, 20, 24, 28, 32, 36)


def test_a_gap_in_time_ends_a_wisdm_segment(wisdm_folder: Path) -> None:
    path = wisdm_folder / wisdm.FILE
    lines = path.read_text().splitlines(keepends=True)
    del lines[-140:-110]  # 1.5 seconds of the last activity
    path.write_text("".join(lines))
    dataset = har.HAR.load(wisdm_folder)
    assert len(dataset) == 34
    assert "segments left out, shorter than 128 samples: 2 of 19" in dataset.notes


def test_an_unknown_wisdm_activity_is_counted(wisdm_folder: Path) -> None:
    path = wisdm_folder / wisdm.FILE
    path.write_text(path.read_text().replace("4,Standing", "4,Dancing"))
    assert "records left out, of unknown activities: 200" in har.HAR.load(wisdm_folder).notes


@pytest.mark.parametrize(
    "z", ["nan", "1e999", "", "1.2.3"], ids=["nan", "overflow", "empty", "two points"]
)
def test_a_wisdm_record_without_finite_values_is_malformed(wisdm_folder: Path, z: str) -> None:
    with (wisdm_folder / wisdm.FILE).open("a") as file:
        file.write(f"4,Standing,49999999999999,1.0,2.0,{z};\n")
    assert har.HAR.load(wisdm_folder).notes[0] == "malformed records left out: 2"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "raw.txt has 0 malformed of 0 records; it must hold `subject,activity,time,x,y,z;`"),
        ("<html>\nnot found\n</html>\n", "raw.txt has 3 malformed of 3 records; it must hold"),
        ("1,Walking,5,1.0,2.0;\n" * 9, "raw.txt has 9 malformed of 9 records; it must hold"),
        ("1,Walking,5,1.0,2.0,3.0;\n" * 9, "holds no stretch of 128 samples with one label"),
        ("1,Dancing,5,1.0,2.0,3.0;\n" * 200, "holds no stretch of 128 samples with one label"),
    ],
)
def test_a_wisdm_file_of_something_else_is_refused(
    wisdm_folder: Path, content: str, message: str
) -> None:
    (wisdm_folder / wisdm.FILE).write_text(content)
    with pytest.raises(InputError, match=message):
        har.HAR.load(wisdm_folder)


def test_wisdm_2019_brings_both_sensors_to_one_grid(wisdm_2019_folder: Path) -> None:
    dataset = har.HAR.load(wisdm_2019_folder)
    assert dataset.class_names == ("walking", "jogging", "stairs", "sitting", "standing")
    assert dataset.channel_names == ACCELEROMETER + GYROSCOPE
    assert dataset.signals.shape == (3 * 5 * 2, 6, 128)
    assert dataset.test_subjects == (1600,)
    seconds = 0.02 + np.arange(128) / 20
    assert np.allclose(dataset.signals[0, 0], seconds / 9.80665, atol=1e-6)
    assert np.allclose(dataset.signals[0, 3], seconds, atol=1e-6)
    assert np.allclose(dataset.signals[0, [1, 2, 4, 5], 0], [0, 1, 0, 2])


def test_wisdm_2019_notes_what_it_chose_and_left_out(wisdm_2019_folder: Path) -> None:
    watch = wisdm_2019_folder / "raw" / "watch"
    (watch / "gyro" / "data_1602_gyro_watch.txt").unlink()
    path = watch / "accel" / "data_1601_accel_watch.txt"
    path.write_text(path.read_text().replace("1601,E,", "1601,G,") + "1601,A,1,2\n")
    assert har.HAR.load(wisdm_2019_folder).notes == (
        "malformed records left out: 1",
        "subjects left out, with files of one sensor only: 1",
        "activities of a subject left out, without a time that both sensors have: 1",
        "2 of the 51 official subjects are in the folder",
        "5 of the 18 activities are used: walking, jogging, stairs, sitting, standing",
        "no official test subjects: those with a number divisible by 4 test",
    )


def test_a_gap_in_one_sensor_ends_a_wisdm_2019_segment(wisdm_2019_folder: Path) -> None:
    path = wisdm_2019_folder / "raw" / "watch" / "gyro" / "data_1600_gyro_watch.txt"
    lines = path.read_text().splitlines(keepends=True)
    del lines[140:170]  # 1.5 seconds of walking; 140 records before, 40 after
    path.write_text("".join(lines))
    dataset = har.HAR.load(wisdm_2019_folder)
    assert len(dataset) == 29
    assert "segments left out, shorter than 128 samples: 1 of 16" in dataset.notes


def test_wisdm_2019_without_a_sensor_is_refused(wisdm_2019_folder: Path) -> None:
    for path in (wisdm_2019_folder / "raw" / "watch" / "gyro").iterdir():
        path.unlink()
    with pytest.raises(InputError, match=r"gyro holds no data_SUBJECT_gyro_watch.txt; unpack the"):
        har.HAR.load(wisdm_2019_folder)


def test_wisdm_2019_without_a_subject_of_both_sensors_is_refused(wisdm_2019_folder: Path) -> None:
    folder = wisdm_2019_folder / "raw" / "watch"
    for subject, sensor in ((1600, "gyro"), (1601, "accel"), (1602, "accel")):
        (folder / sensor / f"data_{subject}_{sensor}_watch.txt").unlink()
    with pytest.raises(InputError, match="has no subject with files of both accel and gyro"):
        har.HAR.load(wisdm_2019_folder)


def test_a_damaged_wisdm_2019_file_is_named(wisdm_2019_folder: Path) -> None:
    path = wisdm_2019_folder / "raw" / "watch" / "gyro" / "data_1601_gyro_watch.txt"
    path.write_text("")
    with pytest.raises(InputError, match=re.escape(f"{path} has 0 malformed of 0 records")):
        har.HAR.load(wisdm_2019_folder)


def test_a_wisdm_2019_file_of_another_subject_is_refused(wisdm_2019_folder: Path) -> None:
    folder = wisdm_2019_folder / "raw" / "watch" / "gyro"
    path = folder / "data_1601_gyro_watch.txt"
    shutil.copy(folder / "data_1600_gyro_watch.txt", path)
    message = f"{path} holds 1,260 records of subject 1600, whose name it does not bear; download"
    with pytest.raises(InputError, match=re.escape(message)):
        har.HAR.load(wisdm_2019_folder)


def test_a_folder_in_place_of_the_wisdm_file_is_refused(wisdm_folder: Path) -> None:
    path = wisdm_folder / wisdm.FILE
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match=r"raw\.txt is missing; unpack the data set again"):
        har.HAR.load(wisdm_folder)
