"""The origin of a task's dataset: licence, citation, location on disk, downloads and archives.

pooch downloads and checks files; platformdirs finds the cache folder. This module adds mirrors, a
size limit for downloads, and a check of archives before they are unpacked.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tarfile
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from neurodeploy.data.samples import Advance
from neurodeploy.models import files
from neurodeploy.models.errors import InputError, MissingPackageError

HOME_VARIABLE: Final = "NEURODEPLOY_DATA"
TIMEOUT_S: Final = 30.0
CHUNK_BYTES: Final = 2**18
DOWNLOAD_BYTES_MAX: Final = 16 * 2**30
"""Size limit of a download of unknown size."""

UNPACKED_BYTES_MAX: Final = 64 * 2**30
UNPACKED_FILES_MAX: Final = 500_000
TEMPORARY: Final = re.compile(r"tmp[a-z0-9_]{8}|\..*\.tmp")
"""Names of temporary files of pooch and neurodeploy."""

HEX_DIGITS: Final = {"md5": 32, "sha256": 64}


@dataclass(frozen=True)
class Download:
    """A published file to download.

    md5 is sufficient if no sha256 is published: there is no practical second-preimage attack.

    Attributes:
        mirrors: http or https URLs of the file, tried in this order.
        file: the name to save it under.
        size: size in bytes; None only with a reason in `unchecked`.
        checksum: "md5:" or "sha256:" and lower-case hex digits; None only with a reason in
            `unchecked`.
        unchecked: one sentence on why there is no checksum, and what is checked instead.

    Raises:
        InputError: if a URL, the name or the checksum is malformed, or missing without a reason.
    """

    mirrors: tuple[str, ...]
    file: str
    size: int | None
    checksum: str | None
    unchecked: str = ""

    def __post_init__(self) -> None:
        for url in self.mirrors:
            if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
                raise InputError(f"{url!r} is not an http or https URL; give one")
        if not self.mirrors or self.file != Path(self.file).name or self.file in ("", "..", "."):
            raise InputError(
                f"the download {self.file!r} needs a file name without a folder, and a mirror"
            )
        kind, _, digits = (self.checksum or "").partition(":")
        if self.checksum and not re.fullmatch(f"[0-9a-f]{{{HEX_DIGITS.get(kind, 0)}}}", digits):
            raise InputError(
                f"{self.file}: the checksum is {self.checksum!r}; give md5: or sha256: and "
                "lower-case hex digits"
            )
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


class _MirrorError(Exception):
    """An error of a mirror; its text follows the host name."""


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
    path = folder / download.file
    if files.kind(path):
        files.check_file(path, "move it away and try again")
        if wrong := difference(download, path):
            raise InputError(
                f"{path} already exists, but {wrong}; move it away and try again (it is not "
                "overwritten)"
            )
        return path
    _check_writable(path, download.size)
    failures = []
    for url in download.mirrors:
        try:
            return _retrieve(download, url, path, advance)
        except _MirrorError as error:
            failures.append(f"{urlsplit(url).netloc} {error}")
    raise InputError(
        f"{download.file} could not be downloaded ({'; '.join(failures)}); try again later, or get "
        f"it from elsewhere and place it at {path}"
    )


def _pooch() -> Any:
    """Import pooch, whose progress bar warns in a notebook without ipywidgets; ours is used."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "IProgress not found")
        import pooch
    return pooch


def difference(download: Download, path: Path) -> str:
    """Return how a file differs from the published one as a phrase, "" if it does not."""
    pooch = _pooch()
    size = path.stat().st_size
    if download.size is not None and size != download.size:
        return f"has {size:,} bytes, the published file {download.size:,}"
    if download.checksum is None:
        return ""
    kind, wanted = download.checksum.split(":")
    try:
        found = pooch.file_hash(str(path), alg=kind)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if found == wanted else f"has {kind} {found}, the published file {wanted}"


def check_published(path: Path, sha256: str, way_out: str) -> None:
    """Raise InputError unless a file has that sha256; `way_out` ends the message."""
    pooch = _pooch()
    found = pooch.file_hash(str(path))
    if found != sha256:
        raise InputError(f"{path} has sha256 {found}, the published file {sha256}; {way_out}")


def _check_writable(path: Path, size: int | None) -> None:
    """Raise InputError unless a file of that size can be written; create its folder."""
    try:
        files.check_writable(path)
    except InputError as error:
        reason = str(error).partition(";")[0]
        raise InputError(f"{reason}; set {HOME_VARIABLE} to another folder") from None
    free = shutil.disk_usage(path.parent).free
    if size is not None and free < size:
        raise InputError(
            f"{path.name} needs {size:,} bytes, but {path.parent} has {free:,} free; free disk "
            f"space, or set {HOME_VARIABLE} to another folder"
        )


def _retrieve(download: Download, url: str, path: Path, advance: Advance | None) -> Path:
    """Download a file from one mirror; raise _MirrorError for errors of the mirror."""
    import requests

    pooch = _pooch()

    receive = _Receiver(download, advance or (lambda done, total: None))
    try:
        with _quiet(pooch.get_logger()):
            pooch.retrieve(url, download.checksum, path.name, path.parent, downloader=receive)
        path.chmod(path.parent.stat().st_mode & 0o666)  # the temporary file was the user's alone
    except requests.HTTPError as error:
        code = error.response.status_code if error.response is not None else error
        raise _MirrorError(f"answered {code}") from None
    except requests.RequestException as error:
        raise _MirrorError(_reason(error)) from None
    except ValueError:  # pooch compares checksums
        raise _MirrorError("sent a file with another checksum than the published one") from None
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}); free disk space, or set "
            f"{HOME_VARIABLE} to another folder"
        ) from None
    return path


def _reason(error: BaseException) -> str:
    """Return the reason of a network error, from the operating system if possible."""
    if "timed out" in str(error):
        return f"did not respond within {TIMEOUT_S:g} s"
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return f"failed ({inner.strerror})"
        inner = inner.__cause__ or inner.__context__
    return f"failed ({error})"


class _Receiver:
    """A downloader for pooch that limits the size and reports progress."""

    def __init__(self, download: Download, advance: Advance) -> None:
        self.size, self.advance = download.size, advance
        self.total = self.done = 0  # pooch sets `total` from the Content-Length header

    def __call__(self, url: str, output_file: str, _: object) -> None:
        from pooch import HTTPDownloader

        headers = {"User-Agent": "neurodeploy", "Accept-Encoding": "identity"}
        HTTPDownloader(
            progressbar=self, chunk_size=CHUNK_BYTES, headers=headers, timeout=TIMEOUT_S
        )(url, output_file, None)
        size, wanted = os.path.getsize(output_file), self.size or self.total
        if wanted and size != wanted:
            raise _MirrorError(f"sent {size:,} of {wanted:,} bytes")

    def update(self, count: int) -> None:
        """Report progress; raise _MirrorError if the mirror sends too many bytes."""
        self.done += count
        most = self.size or DOWNLOAD_BYTES_MAX
        if self.done >= most + CHUNK_BYTES:  # pooch counts whole chunks
            raise _MirrorError(f"sent more than the {most:,} bytes of the file")
        total = self.size or self.total or self.done
        self.advance(min(self.done, total), total)

    def reset(self) -> None:
        """Reset the progress; required by pooch."""
        self.done = 0

    def close(self) -> None:
        """Do nothing; required by pooch."""


@contextmanager
def _quiet(logger: Any) -> Iterator[None]:
    """Silence pooch's log messages, which repeat those of the commands."""
    level = logger.level
    logger.setLevel("WARNING")
    try:
        yield
    finally:
        logger.setLevel(level)


def unpack(archive: Path, folder: Path, *, most_bytes: int = UNPACKED_BYTES_MAX) -> None:
    """Unpack a zip or tar archive into a new folder, which appears once it is complete.

    Args:
        archive: zip, or tar, optionally compressed with gzip, bzip2 or xz.
        folder: target folder, which must not exist.
        most_bytes: size limit of the content.

    Raises:
        InputError: if the folder exists, or the archive is missing, damaged, too large, or contains
            a link, a device, a duplicate name or a path outside the folder.
    """
    files.check_file(archive, "download it again")
    if files.kind(folder):
        raise InputError(f"{folder} already exists; move it away and try again")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".tmp")
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written ({error.strerror}); set {HOME_VARIABLE} to another folder"
        ) from None
    try:
        _extract(archive, temporary, most_bytes)
        os.chmod(temporary, folder.parent.stat().st_mode & 0o777)
        os.rename(temporary, folder)
    except (zipfile.BadZipFile, tarfile.TarError, LZMAError, zlib.error, EOFError):
        raise InputError(
            f"{archive} is truncated or damaged; remove it and download it again"
        ) from None
    except (RuntimeError, NotImplementedError) as error:  # encrypted, or an unknown compression
        raise InputError(f"{archive} cannot be unpacked ({error}); unpack it by hand") from None
    except OSError as error:
        raise InputError(
            f"{archive} cannot be unpacked into {folder} ({error.strerror or error}), where "
            "nothing was changed; free disk space, or remove the archive and download it again"
        ) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _extract(archive: Path, folder: str, most_bytes: int) -> None:
    """Check all members of an archive, then extract them."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            _check_members(archive, map(_zip_member, opened.infolist()), most_bytes)
            opened.extractall(folder)
        return
    with tarfile.open(archive) as tar:
        _check_members(archive, map(_tar_member, tar), most_bytes)
        # Early releases of Python 3.10 and 3.11 have no filter; the members are checked above.
        safe: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        tar.extractall(folder, **safe)


_Member: TypeAlias = tuple[str, int, str]
"""Name, size, and "file", "folder" or "other"."""


def _zip_member(each: zipfile.ZipInfo) -> _Member:
    is_plain = stat.S_IFMT(each.external_attr >> 16) in (0, stat.S_IFREG, stat.S_IFDIR)
    kind = "folder" if each.is_dir() else "file"
    return each.orig_filename, each.file_size, kind if is_plain else "other"


def _tar_member(each: tarfile.TarInfo) -> _Member:
    return each.name, each.size, "file" if each.isreg() else "folder" if each.isdir() else "other"


def _check_members(archive: Path, members: Iterator[_Member], most_bytes: int) -> None:
    """Raise InputError for an unsafe member, or if the archive is too large."""
    done, names = 0, set()
    for number, (name, size, kind) in enumerate(members):
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or set("\\:\0") & set(name):
            raise InputError(
                f"{archive} holds {name!r}, a path outside the folder; remove the archive"
            )
        if kind == "other":
            raise InputError(
                f"{archive} holds {name!r}, which is a link or a device; remove the archive"
            )
        if kind == "file" and path in names:
            raise InputError(f"{archive} holds {name!r} twice; remove the archive")
        names.add(path)
        done += size
        if done > most_bytes or number >= UNPACKED_FILES_MAX:
            raise InputError(
                f"{archive} holds more than {most_bytes:,} bytes or {UNPACKED_FILES_MAX:,} files; "
                "it is not the expected archive, so remove it and download it again"
            )
