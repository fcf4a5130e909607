"""Finding a human activity data set in a folder; UCI HAR and raw HAPT."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy.models.errors import InputError
from neurodeploy.tasks import har
from neurodeploy.tasks.readers import hapt, uci_har
from neurodeploy.tasks.split import split_by_subject


def replace_in(path: Path, old: str, new: str) -> None:
    """Replace the first `old` in a file, which must be there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def drop_last_line(path: Path) -> None:
    """Cut a file as a broken download does."""
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


# Choosing the layout


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("uci_har_folder", "UCI HAR (UCI 240)"),
        ("hapt_folder", "HAPT (UCI 341)"),
        ("wisdm_folder", "WISDM v1.1"),
        ("wisdm_2019_folder", "WISDM 2019 watch"),
    ],
)
def test_a_layout_is_found_in_its_folder_and_from_above(
    folder: str, name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    inside = har.HAR.load(request.getfixturevalue(folder))
    above = har.HAR.load(tmp_path)
    assert inside.source.startswith(name)
    assert inside.source == above.source
    assert np.array_equal(inside.signals, above.signals)


def test_the_phone_of_wisdm_2019_is_read_when_its_folder_is_given(wisdm_2019_folder: Path) -> None:
    dataset = har.HAR.load(wisdm_2019_folder / "raw" / "phone")
    assert dataset.source.startswith("WISDM 2019 phone")


def test_every_layout_can_be_split_and_encoded(
    uci_har_folder: Path, hapt_folder: Path, wisdm_folder: Path, wisdm_2019_folder: Path
) -> None:
    for folder in (uci_har_folder, hapt_folder, wisdm_folder, wisdm_2019_folder):
        dataset = har.HAR.load(folder)
        split = split_by_subject(dataset)
        spikes = har.default_encoder(dataset).encode(dataset.signals[split.test])
        channels = {3: 4 * 3 + 2 * 3, 6: 4 * 6 + 2 * 3 + 3}[len(dataset.channel_names)]
        assert spikes.shape == (len(split.test), channels, 128)


def test_the_default_encoder_gives_level_codes_to_the_accelerometer_and_turning_to_the_gyroscope(
    uci_har_folder: Path, wisdm_folder: Path
) -> None:
    delta, level, turning = har.default_encoder(har.HAR.load(uci_har_folder)).as_dict()["parts"]
    assert delta["threshold"] == [0.1, 0.1, 0.1, 0.2, 0.2, 0.2]
    assert level["gain"] == [0.5, 0.5, 0.5, 0.0, 0.0, 0.0]
    assert turning["gain"] == [0.0, 0.0, 0.0, 2.5, 2.5, 2.5]
    assert [level["rectified"], turning["rectified"]] == [False, True]
    without_gyroscope = har.default_encoder(har.HAR.load(wisdm_folder)).as_dict()["parts"]
    assert [part["name"] for part in without_gyroscope] == ["delta", "sigma-delta"]


def test_a_folder_without_a_data_set_lists_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        har.HAR.load(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path} holds no known data set, down to 3 levels; looked for ")
    for layout in har.LAYOUTS:
        assert f"{layout.marker} ({layout.name})" in message


@pytest.mark.parametrize("name", ["absent", "file.zip"])
def test_a_path_that_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match=f"{name} is not a folder; unpack a data set and give its"):
        har.HAR.load(tmp_path / name)


def test_hidden_folders_and_leftovers_of_unpacking_are_not_searched(tmp_path: Path) -> None:
    for name in (".cache", "__MACOSX"):
        (tmp_path / name / "train" / "Inertial Signals").mkdir(parents=True)
    with pytest.raises(InputError, match="holds no known data set"):
        har.HAR.load(tmp_path)


def test_two_data_sets_are_both_named_and_none_is_chosen(
    uci_har_folder: Path, wisdm_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        har.HAR.load(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} holds 2 data sets (UCI HAR in {uci_har_folder}, WISDM v1.1 in {wisdm_folder});"
        " give the folder of one, with no other in it"
    )


def test_two_copies_of_a_data_set_are_refused_at_different_depths_too(
    uci_har_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(uci_har_folder, tmp_path / "someone" / "else's")
    with pytest.raises(InputError, match=r"2 data sets \(UCI HAR in .*, UCI HAR in .*else's"):
        har.HAR.load(tmp_path)
    assert len(har.HAR.load(uci_har_folder)) == 30


def test_a_data_set_inside_the_given_one_is_no_choice_to_make_silently(
    wisdm_folder: Path, uci_har_folder: Path
) -> None:
    shutil.move(uci_har_folder, wisdm_folder)
    with pytest.raises(InputError, match=r"holds 2 data sets \(WISDM v1\.1 in .*, UCI HAR in "):
        har.HAR.load(wisdm_folder)


def test_a_link_to_the_data_set_is_not_a_second_one(uci_har_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(uci_har_folder, target_is_directory=True)
    assert len(har.HAR.load(tmp_path)) == 30


def test_two_data_sets_in_one_folder_are_both_named(wisdm_folder: Path, hapt_folder: Path) -> None:
    shutil.copy(wisdm_folder / "WISDM_ar_v1.1_raw.txt", hapt_folder)
    with pytest.raises(InputError, match=r"2 data sets \(HAPT in .*RawData, WISDM v1\.1 in .*RawD"):
        har.HAR.load(hapt_folder)


def test_a_folder_that_may_not_be_read_is_named_where_nothing_else_is_found(
    uci_har_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "locked").mkdir()
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path / "locked")
    assert len(har.HAR.load(tmp_path)) == 30
    monkeypatch.setattr("os.access", lambda path, mode: path != uci_har_folder)
    for path in (tmp_path, uci_har_folder):
        with pytest.raises(
            InputError, match=f"^{uci_har_folder} cannot be read: Permission denied"
        ):
            har.HAR.load(path)


def test_of_many_data_sets_some_are_named_and_the_others_counted(
    wisdm_folder: Path, tmp_path: Path
) -> None:
    for number in range(7):
        shutil.copytree(wisdm_folder, tmp_path / f"copy {number}")
    with pytest.raises(InputError, match=r"holds 8 data sets .*copy 3 and 3 more\); give the fold"):
        har.HAR.load(tmp_path)


# UCI HAR


def test_uci_har_gives_both_parts_in_file_order(uci_har_folder: Path) -> None:
    dataset = har.HAR.load(uci_har_folder)
    assert dataset.signals.shape == (30, 6, 128)
    assert dataset.test_subjects == (2, 4)
    assert dataset.labels.tolist() == [i % 6 for i in (*range(18), *range(12))]
    assert dataset.subjects.tolist() == [1] * 6 + [3] * 6 + [5] * 6 + [2] * 6 + [4] * 6
    assert dataset.signals[17, 4, 100] == pytest.approx(17 + 0.4 + 0.1)
    assert dataset.signals[18, 0, 127] == pytest.approx(0.127)


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        ("train/y_train.txt", Path.unlink, "y_train.txt is missing; unpack the data set again"),
        ("test/subject_test.txt", Path.unlink, "subject_test.txt is missing; unpack the data set"),
        (
            "train/Inertial Signals/body_gyro_z_train.txt",
            Path.unlink,
            "body_gyro_z_train.txt is missing; unpack the data set again, with all its files",
        ),
        (
            "test/Inertial Signals/total_acc_x_test.txt",
            drop_last_line,
            "total_acc_x_test.txt has 11 rows but y_test.txt has 12; one is cut short",
        ),
        (
            "train/subject_train.txt",
            drop_last_line,
            "subject_train.txt has 17 rows but y_train.txt",
        ),
        (
            "train/Inertial Signals/total_acc_y_train.txt",
            lambda path: path.write_text(path.read_text()[:-30]),
            r"total_acc_y_train.txt is not a table of 128 columns \(the number of columns changed",
        ),
        (
            "train/Inertial Signals/total_acc_y_train.txt",
            lambda path: path.write_text("1 2 3\n"),
            "total_acc_y_train.txt has 3 columns; it must have 128",
        ),
        (
            "train/Inertial Signals/total_acc_y_train.txt",
            lambda path: replace_in(path, "2.1 ", "nan "),
            "total_acc_y_train.txt holds nan in row 3, column 1; signals must be finite",
        ),
        (
            "train/Inertial Signals/total_acc_y_train.txt",
            lambda path: replace_in(path, "1.1", "<html>"),
            "total_acc_y_train.txt is not a table of 128 columns .*could not convert string",
        ),
        ("train/y_train.txt", lambda path: path.write_text(""), "y_train.txt is empty; download"),
        (
            "train/y_train.txt",
            lambda path: replace_in(path, "6", "7"),
            "y_train.txt holds label 7; labels run from 1 to 6",
        ),
        (
            "test/y_test.txt",
            lambda path: replace_in(path, "1", "0"),
            "y_test.txt holds label 0; labels run from 1 to 6",
        ),
        ("test/y_test.txt", lambda path: replace_in(path, "1", "1.5"), "y_test.txt is not a table"),
        (
            "test/subject_test.txt",
            lambda path: replace_in(path, "2", "5"),
            "subject_test.txt names subject 5, who is in train too; each belongs to one part",
        ),
    ],
)
def test_a_damaged_uci_har_file_is_named(
    uci_har_folder: Path, file: str, damage: Callable[[Path], Any], message: str
) -> None:
    damage(uci_har_folder / file)
    with pytest.raises(InputError, match=message):
        har.HAR.load(uci_har_folder)


def test_uci_har_of_less_windows_says_so(
    uci_har_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert har.HAR.load(uci_har_folder).notes == (
        "train has 18 windows where the official one has 7,352",
        "test has 12 windows where the official one has 2,947",
    )
    monkeypatch.setattr(uci_har, "OFFICIAL_WINDOWS", {"train": 18, "test": 12})
    assert har.HAR.load(uci_har_folder).notes == ()


# HAPT raw


def test_raw_hapt_of_less_recordings_says_so(
    hapt_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = hapt_folder / "labels.txt"
    monkeypatch.setattr(hapt, "OFFICIAL_RECORDINGS", 3)
    monkeypatch.setattr(hapt, "OFFICIAL_ROWS", 21)
    assert har.HAR.load(hapt_folder).notes[1:] == ()
    labels.write_text("".join(labels.read_text().splitlines(keepends=True)[:14]))
    assert har.HAR.load(hapt_folder).notes[1:] == (
        "recordings left out, named in no row of labels.txt: 1",
        "2 recordings have labels, officially 3",
        "labels.txt has 14 rows, officially 21",
    )


def test_hapt_raw_windows_lie_inside_one_label_and_transitions_are_left_out(
    hapt_folder: Path,
) -> None:
    dataset = har.HAR.load(hapt_folder)
    assert dataset.signals.shape == (3 * 6 * 2, 6, 128)
    assert dataset.labels.tolist() == [label for _ in range(3) for label in range(6) for _ in "ab"]
    starts = dataset.signals[:12, 0, 0]
    assert starts.tolist() == [10 + 200 * k + s for k in range(6) for s in (0, 64)]
    assert np.allclose(dataset.signals[0, :, 5], 15 + np.arange(6) / 10)
    assert "labels 7 to 12" in dataset.notes[0]


def test_segments_shorter_than_a_window_are_counted(hapt_folder: Path) -> None:
    replace_in(hapt_folder / "labels.txt", "1 1 1 10 209", "1 1 1 10 136")
    dataset = har.HAR.load(hapt_folder)
    assert len(dataset) == 34
    assert dataset.notes[-1] == "segments left out, shorter than 128 samples: 1 of 18"


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        ("labels.txt", Path.unlink, "labels.txt is missing; unpack the data set again"),
        ("gyro_exp02_user02.txt", Path.unlink, "gyro_exp02_user02.txt is missing; unpack"),
        (
            "gyro_exp02_user02.txt",
            drop_last_line,
            "gyro_exp02_user02.txt has 1409 rows but acc_exp02_user02.txt has 1410; one is cut",
        ),
        (
            "labels.txt",
            lambda path: replace_in(path, "1 1 7 1210 1409", "1 1 7 1210 1410"),
            "labels.txt labels samples 1210 to 1410 in row 7 but the recording has 1410; a file is",
        ),
        (
            "labels.txt",
            lambda path: replace_in(path, "1 1 7 1210 1409", "1 1 7 1210 1209"),
            "labels.txt labels samples 1210 to 1209 in row 7",
        ),
        (
            "labels.txt",
            lambda path: replace_in(path, "1 1 3 410 609", "1 1 3 409 609"),
            "labels.txt gives samples 409 to 609 label 3 in row 3, but another one to some of them",
        ),
        (
            "labels.txt",
            lambda path: replace_in(path, "2 2 7 ", "2 2 13 "),
            "labels.txt holds label 13 in row 14; labels run from 1 to 12",
        ),
        (
            "labels.txt",
            lambda path: path.write_text("1 1 5 250\n"),
            "labels.txt has 4 columns; it must have 5",
        ),
        (
            "acc_exp01_user01.txt",
            lambda path: replace_in(path, "20 20.1 20.2", "20 inf 20.2"),
            "acc_exp01_user01.txt holds inf in row 21, column 2; signals must be finite",
        ),
        (
            "acc_exp01_user01.txt",
            lambda path: path.write_bytes(b"\xff\xfe\x00"),
            "acc_exp01_user01.txt is not a table of 3 columns",
        ),
    ],
)
def test_a_damaged_hapt_file_is_named(
    hapt_folder: Path, file: str, damage: Callable[[Path], Any], message: str
) -> None:
    damage(hapt_folder / file)
    with pytest.raises(InputError, match=message):
        har.HAR.load(hapt_folder)
