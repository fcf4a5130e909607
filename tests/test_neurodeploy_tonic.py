"""What is alike for all event data sets through tonic: finding, keeping and downloading them."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from neurodeploy.models.errors import InputError, MissingPackageError
from neurodeploy.tasks import dvsgesture, get, nmnist, ntidigits, reading, shd, ssc
from neurodeploy.tasks.readers import events, tonic_events

tonic = pytest.importorskip("tonic", reason="tonic is not installed: uv sync --extra events")
pytestmark = pytest.mark.usefixtures("offline_events")


FILE = "n-tidigits.hdf5"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write an N-TIDIGITS18 in which one person a part says all digits; the i-th has 30 events in
    channel i."""
    home = tmp_path / "data" / "NTIDIGITS18"
    home.mkdir(parents=True)
    with h5py.File(home / FILE, "w") as file:
        for part, person in (("train", "a"), ("test", "x")):
            names = [f"{person}-{digit}" for digit in "o123456789z"]
            file[f"{part}_labels"] = np.array([name.encode() for name in names])
            for number, name in enumerate(names):
                file[f"{part}_addresses/{name}"] = np.full(30, number, np.uint16)
                file[f"{part}_timestamps/{name}"] = 3 + np.arange(30) / 30
    return home


# What is read


@pytest.mark.parametrize("above", [0, 1, 2])
def test_a_folder_above_the_data_will_do_whatever_its_name(folder: Path, above: int) -> None:
    renamed = folder.rename(folder.with_name("my own ~copy"))
    path = [renamed, *renamed.parents][above]
    assert len(get("ntidigits").load(path)) == 22


@pytest.mark.parametrize("name", ["\udcff\udcfe", "a\nb", "~"])
def test_the_folder_of_the_data_may_have_any_name(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.rename(folder.with_name(name))
    monkeypatch.chdir(folder.parent)
    assert len(get("ntidigits").load(Path(name))) == 22


def test_the_data_are_found_in_the_data_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEURODEPLOY_DATA", str(folder.parent))
    assert len(get("ntidigits").load(None)) == 22


def test_counts_are_made_once_and_anew_when_a_file_changed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    with reading.listening(lambda done, total: told.append((done, total))):
        first = get("ntidigits").load(folder)
        assert told[-1] == (22, 22)
        assert len(told) == 22
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "tonic", None)  # what is kept needs no tonic
            again = get("ntidigits").load(folder)
        assert len(told) == 22
        with h5py.File(folder / FILE, "r+") as file:
            file["test_addresses/x-o"][:] = 63
            file["more"] = np.zeros(100)
        changed = get("ntidigits").load(folder)
        assert len(told) == 44
    assert np.array_equal(first.signals, again.signals)
    assert again.notes == first.notes
    assert again.class_names == first.class_names
    assert changed.signals[11:, 63].sum() == 30


def test_counts_of_another_version_are_made_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    with reading.listening(lambda done, total: told.append((done, total))):
        for version, times in ((1, 1), (2, 2), (2, 2)):
            monkeypatch.setattr(events, "VERSION", version)
            get("ntidigits").load(folder)
            assert len(told) == 22 * times


def test_counts_that_another_tonic_made_are_made_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    with reading.listening(lambda done, total: told.append((done, total))):
        for version, times in (("1.7.0", 1), ("1.7.1", 2), ("1.7.0", 2)):
            monkeypatch.setattr("importlib.metadata.version", lambda _, said=version: said)
            get("ntidigits").load(folder)
            assert len(told) == 22 * times


# What is refused


def test_several_copies_of_the_data_are_refused(folder: Path) -> None:
    other = folder.with_name("NTIDIGITS18 (1)")
    shutil.copytree(folder, other)
    message = re.escape(
        f"{folder.parent} holds several {FILE}, in {folder}, {other}; give one of these folders"
    )
    with pytest.raises(InputError, match=message):
        get("ntidigits").load(folder.parent)
    assert len(get("ntidigits").load(other)) == 22


def test_a_folder_that_may_not_be_read_is_named_where_nothing_else_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: path != folder)
    for path in (folder, folder.parent):
        with pytest.raises(InputError, match=f"^{folder} cannot be read: Permission denied; check"):
            get("ntidigits").load(path)


def test_a_pipe_in_place_of_the_data_is_refused(folder: Path) -> None:
    (folder / FILE).unlink()
    os.mkfifo(folder / FILE)
    with pytest.raises(InputError, match=f"{FILE} is no regular file; remove it, and unpack"):
        get("ntidigits").load(folder)


def test_absent_data_are_named_with_the_way_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path))
    for name in ("nmnist", "shd", "ssc", "ntidigits", "dvsgesture"):
        message = rf"the data of the task {name} are missing .* --task {name} --get`, or say where"
        with pytest.raises(InputError, match=message):
            get(name).load(None)


def test_a_folder_without_the_data_is_refused(tmp_path: Path) -> None:
    message = (
        r"holds no shd_train\.h5, down to 2 levels, and so not Spiking Heidelberg Digits; get it "
        r"with `python -m neurodeploy\.data --task shd --get`, or put shd_train\.h5, "
        r"shd_train\.h5\.zip, shd_test\.h5, shd_test\.h5\.zip in a folder SHD"
    )
    with pytest.raises(InputError, match=message):
        get("shd").load(tmp_path)
    for name in ("nmnist", "ssc", "ntidigits", "dvsgesture"):
        with pytest.raises(InputError, match=rf"absent holds no .* --task {name} --get`, or put"):
            get(name).load(tmp_path / "absent")


def test_without_tonic_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tonic", None)
    message = r"needs tonic, which is not installed; .*`pip install 'neurodeploy\[events\]=="
    with pytest.raises(MissingPackageError, match=message):
        get("ntidigits").load(folder)
    with pytest.raises(MissingPackageError, match=message):
        tonic_events.fetch(ntidigits.COLLECTION)(folder)


def test_reading_never_downloads_even_if_tonic_misses_something(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tonic.datasets.NTIDIGITS18._check_exists", lambda _: False)
    with pytest.raises(InputError, match=r"^tonic finds no N-TIDIGITS18 in .*NTIDIGITS18; get"):
        get("ntidigits").load(folder)


# Downloads


@pytest.mark.parametrize("module", [nmnist, shd, ssc, ntidigits, dvsgesture])
def test_fetching_has_tonic_download_all_parts_to_the_folder(
    module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = module.COLLECTION
    asked: list[tuple[str, dict[str, Any]]] = []
    kind: Callable[..., Any] = lambda save_to, **part: asked.append((save_to, part))  # noqa: E731
    monkeypatch.setattr(f"tonic.datasets.{collection.kind}", kind)
    assert module.ORIGIN.fetch is not None
    module.ORIGIN.fetch(tmp_path)
    assert asked == [(str(tmp_path), dict(part.arguments)) for part in collection.parts]


def test_a_download_that_fails_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(save_to: str, **_: Any) -> None:
        (Path(save_to) / "SHD").mkdir(parents=True)
        raise ConnectionError("no route")

    monkeypatch.setattr("tonic.datasets.SHD", fail)
    message = r"could not be downloaded to .* \(no route\); try again, or put shd_train\.h5, "
    with pytest.raises(InputError, match=message):
        tonic_events.fetch(shd.COLLECTION)(tmp_path / "shd")
    assert not (tmp_path / "shd").exists()


def test_a_part_in_another_format_has_no_published_number_to_miss() -> None:
    assert all(part.published == 0 for part in ntidigits.COLLECTION.parts)
    assert replace(ntidigits.COLLECTION.parts[0]).archive == ""
