"""The origin of a task's dataset: licence, citation, location on disk, downloads and archives.

pooch downloads and checks files; platformdirs finds the cache folder. This module adds mirrors, and
unpacks archives wholly or not at all.
"""

from __future__ import annotations

import os
import re
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from neurodeploy.data.samples import Advance
from neurodeploy.models import files
from neurodeploy.models.errors import InputError, MissingPackageError

HOME_VARIABLE: Final = "NEURODEPLOY_DATA"
TIMEOUT_S: Final = 30.0
CHUNK_BYTES: Final = 2**18
TEMPORARY: Final = re.compile(r"tmp[a-z0-9_]{8}|\..*\.tmp")
"""Names of temporary files of pooch and neurodeploy."""


@dataclass(frozen=True)
class Download:
    """A published file to download.

    md5 is sufficient if no sha256 is published: there is no practical second-preimage attack.

    Attributes:
        mirrors: http or https URLs of the file, tried in this order.
        file: the name to save it under.
        size: size in bytes; None only with a reason in `unchecked`.
        checksum: "md5:" or "sha256:" and lower-case hex digits, as for pooch; None only with a
            reason in `unchecked`.
        unchecked: one sentence on why there is no checksum, and what is checked instead.

    Raises:
        InputError: if the size or the checksum is missing without a reason.
    """

    mirrors: tuple[str, ...]
    file: str
    size: int | None
    checksum: str | None
    unchecked: str = ""

    def __post_init__(self) -> None:
        if not self.unchecked and (self.checksum is None or self.size is None):
            raise InputError(
                f"{self.file} has no checksum or size; give both, or the reason in `unchecked`"
            )


@dataclass(frozen=True)
class Origin:
    """The source of a task's dataset.

    Attributes:
        data: name and size of the dataset, as a phrase.
        licence: the licence.
        citation: the publication to cite.
        obtain: how to get it, as a clause such as "install it with `...`".
        places: names of files or folders in the data folder, searched in this order.
        package: Python package that contains the dataset, "" for none.
        find: searches other locations, such as an installed package; returns None if not found.
        downloads: files that `python -m neurodeploy.data --get` downloads to the task's folder.
        unpacked: whether the only download is an archive to unpack into the task's folder.
        fetch: downloads the dataset in another way, into the folder that it is called with.
    """

    data: str
    licence: str
    citation: str
    obtain: str
    places: tuple[str, ...] = ()
    package: str = ""
    find: Callable[[], Path | None] = lambda: None
    downloads: tuple[Download, ...] = ()
    unpacked: bool = False
    fetch: Callable[[Path], None] | None = None

    def __post_init__(self) -> None:
        if self.unpacked and len(self.downloads) != 1:
            raise InputError(f"`unpacked` needs one download, not {len(self.downloads)}")

    def where(self) -> Path | None:
        """Return the folder or file of the dataset, None if it is missing.

        Empty folders are ignored.

        Raises:
            InputError: if the data folder cannot be accessed.
        """
        paths = (home() / place for place in self.places)
        return next((p for p in paths if files.kind(p) and not is_empty(p)), None) or self.find()

    def found(self, task: str) -> Path:
        """Return the folder or file of the dataset.

        Raises:
            InputError: if it is missing; MissingPackageError if a package contains it.
        """
        path = self.where()
        if path is not None:
            return path
        message = (
            f"the dataset of the task {task} is missing ({self.data}); {self.obtain}, or name its "
            "folder with --data"
        )
        if self.package:
            raise MissingPackageError(message, self.package)
        raise InputError(message)


def is_empty(path: Path) -> bool:
    """Return whether a path is a readable folder without files, temporary ones aside."""
    try:
        return path.is_dir() and all(TEMPORARY.fullmatch(each.name) for each in path.iterdir())
    except OSError:
        return False


def home() -> Path:
    """Return the folder of datasets: NEURODEPLOY_DATA, or `data` in the user's cache folder.

    Raises:
        InputError: if `~` in the path cannot be expanded.
    """
    named = os.environ.get(HOME_VARIABLE)
    return _expanded(named, HOME_VARIABLE) if named else cache_folder() / "data"


def cache_folder() -> Path:
    """Return the user's cache folder of neurodeploy.

    Raises:
        InputError: if the user has no home folder and XDG_CACHE_HOME is not set.
    """
    import platformdirs

    return _expanded(platformdirs.user_cache_dir("neurodeploy", appauthor=False), "XDG_CACHE_HOME")


def _expanded(path: str, variable: str) -> Path:
    """Return a path with `~` expanded."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise InputError(
            f"{path} begins with a home folder that does not exist; set the environment variable "
            f"{variable} to an absolute path"
        ) from None


def fetch(download: Download, folder: Path, advance: Advance | None = None) -> Path:
    """Download a file into a folder, unless it exists, and return its path.

    The file appears once it is complete and its checksum is correct. Nothing is left after an error
    or interruption.

    Args:
        download: the file.
        folder: target folder, created if missing.
        advance: progress callback, called with the bytes done and the total.

    Raises:
        InputError: if a different file exists, no mirror sends the published file, or it cannot be
            written.
    """
    import requests

    path = folder / download.file
    if files.kind(path):  # pooch would replace it
        way_out = "move it away and try again"
        files.check_file(path, way_out)
        if download.checksum:
            check_published(path, download.checksum, way_out)
        return path
    failures = []
    for url in download.mirrors:
        try:
            _retrieve(download, url, path, advance or (lambda done, total: None))
            return path
        except (requests.RequestException, ValueError) as error:
            failures.append(f"{urlsplit(url).netloc}: {error}")
        except OSError as error:
            raise InputError(
                f"{path} cannot be written ({error.strerror or error}); free disk space, or set "
                f"{HOME_VARIABLE} to another folder"
            ) from None
    raise InputError(
        f"{download.file} could not be downloaded ({'; '.join(failures)}); try again later, or get "
        f"it from elsewhere and place it at {path}"
    )


def _retrieve(download: Download, url: str, path: Path, advance: Advance) -> None:
    """Download a file from one mirror; raises as pooch and requests do."""
    pooch = _pooch()
    downloader = pooch.HTTPDownloader(
        progressbar=_Progress(advance),
        chunk_size=CHUNK_BYTES,
        headers={"User-Agent": "neurodeploy", "Accept-Encoding": "identity"},
        timeout=TIMEOUT_S,
    )
    pooch.retrieve(url, download.checksum, path.name, path.parent, downloader=downloader)
    path.chmod(path.parent.stat().st_mode & 0o666)  # the temporary file was the user's alone


def _pooch() -> Any:
    """Import pooch without its messages, which repeat those of the commands.

    Its own progress bar, which is not used, warns in a notebook without ipywidgets.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "IProgress not found")
        import pooch
    pooch.get_logger().setLevel("WARNING")
    return pooch


class _Progress:
    """A progress bar for pooch that calls a callback."""

    def __init__(self, advance: Advance) -> None:
        self.advance = advance
        self.total = self.done = 0  # pooch sets `total` from the Content-Length header

    def update(self, count: int) -> None:
        """Add `count` bytes; pooch counts whole chunks."""
        self.done += count
        total = self.total or self.done
        self.advance(min(self.done, total), total)

    def reset(self) -> None:
        """Begin again at 0."""
        self.done = 0

    def close(self) -> None:
        """Do nothing; required by pooch."""


def check_published(path: Path, checksum: str, way_out: str) -> None:
    """Raise InputError unless a file has that checksum, "md5:", "sha256:" or "" and hex digits;
    `way_out` ends the message."""
    files.check_file(path, way_out)
    kind, _, wanted = checksum.rpartition(":")
    try:
        found = _pooch().file_hash(str(path), alg=kind or "sha256")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); {way_out}") from None
    if found != wanted:
        raise InputError(
            f"{path} has {kind or 'sha256'} {found}, the published file {wanted}; {way_out}"
        )


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip or tar archive into a new folder, which appears once it is complete.

    Args:
        archive: zip, or tar, optionally compressed with gzip, bzip2 or xz.
        folder: target folder, which must not exist.

    Raises:
        InputError: if the folder exists, or the archive is missing, damaged or unsafe.
    """
    files.check_file(archive, "download it again")
    if files.kind(folder):
        raise InputError(f"{folder} already exists; move it away and try again")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=folder.parent, prefix=f".{folder.name}.", suffix=".tmp"
        ) as temporary:
            content = Path(temporary, "content")
            _extract(archive, content)
            content.rename(folder)
    except Exception as error:  # a damaged archive can raise anything
        raise InputError(
            f"{archive} cannot be unpacked into {folder} ({error}), where nothing was changed; "
            "free disk space, or remove the archive and download it again"
        ) from error


def _extract(archive: Path, folder: Path) -> None:
    """Extract all members; pooch's `Untar` checks their paths only from Python 3.12."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(folder)
    else:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
