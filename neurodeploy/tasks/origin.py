"""Where a task's data come from: terms, places on disk, downloads and archives.

pooch downloads and checks files, platformdirs names the cache folder. What they leave open is here:
mirrors, a size limit for what arrives, and a check of archives before they are unpacked.
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

from neurodeploy.models import files
from neurodeploy.models.errors import InputError, MissingPackageError
from neurodeploy.samples import Advance

HOME_VARIABLE: Final = "NEURODEPLOY_DATA"
TIMEOUT_S: Final = 30.0
CHUNK_BYTES: Final = 2**18
DOWNLOAD_BYTES_MAX: Final = 16 * 2**30
"""Size limit of a download whose size is not known."""

UNPACKED_BYTES_MAX: Final = 64 * 2**30
UNPACKED_FILES_MAX: Final = 500_000
TEMPORARY: Final = re.compile(r"tmp[a-z0-9_]{8}|\..*\.tmp")
"""Names of files that pooch and neurodeploy have not finished."""

HEX_DIGITS: Final = {"md5": 32, "sha256": 64}


@dataclass(frozen=True)
class Download:
    """A published file.

    An md5 is enough where no sha256 is published: nobody can make another file with a given md5.

    Attributes:
        mirrors: http or https addresses of the file, tried in this order.
        file: the name to save it under.
        size: bytes; None only where `unchecked` says why.
        checksum: "md5:" or "sha256:" and lower-case hex; None only where `unchecked` says why.
        unchecked: one sentence that says why there is no checksum, and what is checked instead.

    Raises:
        InputError: when an address, the name or the checksum is malformed, or a checksum is missing
            without a reason.
    """

    mirrors: tuple[str, ...]
    file: str
    size: int | None
    checksum: str | None
    unchecked: str = ""

    def __post_init__(self) -> None:
        for url in self.mirrors:
            if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
                raise InputError(f"{url!r} is no http or https address; give one")
        if not self.mirrors or self.file != Path(self.file).name or self.file in ("", "..", "."):
            raise InputError(f"the download {self.file!r} must have a plain name and a mirror")
        kind, _, digits = (self.checksum or "").partition(":")
        if self.checksum and not re.fullmatch(f"[0-9a-f]{{{HEX_DIGITS.get(kind, 0)}}}", digits):
            raise InputError(
                f"{self.file}: the checksum is {self.checksum!r}; give md5: or sha256: and "
                "lower-case hex digits"
            )
        if not self.unchecked and (self.checksum is None or self.size is None):
            raise InputError(
                f"{self.file} has no checksum or size; give both, or say in `unchecked` why not"
            )


@dataclass(frozen=True)
class Origin:
    """The data of a task.

    Attributes:
        data: what they are and how many, in words.
        licence: the terms of use.
        citation: what to cite.
        obtain: one clause that says how to get them, such as "install it with `...`".
        places: names in the data folder where they are searched; the first one found counts.
        package: name of the Python package that brings them, "" when none does.
        find: searches elsewhere, such as in an installed package; returns None if they are absent.
        downloads: files that `python -m neurodeploy.data --get` puts into the task's folder.
        unpacked: whether the one download is an archive whose content is put there instead.
        fetch: gets the data in another way, into the folder that it is called with.
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
            raise InputError(f"{len(self.downloads)} downloads are to be unpacked; give one")

    def where(self) -> Path | None:
        """Return the folder or file that holds the data, None when they are absent.

        An empty folder holds none.

        Raises:
            InputError: when the data folder cannot be looked up.
        """
        paths = (home() / place for place in self.places)
        return next((p for p in paths if files.kind(p) and not is_empty(p)), None) or self.find()

    def found(self, task: str) -> Path:
        """Return the folder or file that holds the data.

        Raises:
            InputError: when they are absent; MissingPackageError when a package would bring them.
        """
        path = self.where()
        if path is not None:
            return path
        message = (
            f"the data of the task {task} are missing ({self.data}); {self.obtain}, or name their "
            "folder with --data"
        )
        if self.package:
            raise MissingPackageError(message, self.package)
        raise InputError(message)


def is_empty(path: Path) -> bool:
    """Tell whether a path is a folder that is empty or holds only what killed downloads left.

    One that cannot be read is not.
    """
    try:
        return path.is_dir() and all(TEMPORARY.fullmatch(each.name) for each in path.iterdir())
    except OSError:
        return False


def home() -> Path:
    """Return the folder of datasets: NEURODEPLOY_DATA, or `data` in the user's cache folder.

    Raises:
        InputError: when its `~`, or that of the cache folder, stands for no home folder.
    """
    named = os.environ.get(HOME_VARIABLE)
    return _expanded(named, HOME_VARIABLE) if named else cache_folder() / "data"


def cache_folder() -> Path:
    """Return the folder for what can be computed or downloaded again.

    Raises:
        InputError: when the user has no home folder and XDG_CACHE_HOME names none.
    """
    import platformdirs

    return _expanded(platformdirs.user_cache_dir("neurodeploy", appauthor=False), "XDG_CACHE_HOME")


def _expanded(path: str, variable: str) -> Path:
    """Return a path with `~` as the home folder that it stands for."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise InputError(
            f"{path} begins with a home folder that does not exist; give the whole path in the "
            f"environment variable {variable}"
        ) from None


class _MirrorError(Exception):
    """Says what a mirror did wrong; the name of its host precedes it."""


def fetch(download: Download, folder: Path, advance: Advance | None = None) -> Path:
    """Download a file into a folder, unless it is there already, and return its path.

    The file appears under its name once it is complete and its checksum is right. An error or
    interruption leaves nothing.

    Args:
        download: what to download.
        folder: is made if it is missing.
        advance: receives the bytes done and the bytes in total.

    Raises:
        InputError: when another file is there already, no mirror sends the published file, or it
            cannot be written.
    """
    path = folder / download.file
    if files.kind(path):
        files.check_file(path, "move it away and try again")
        if wrong := difference(download, path):
            raise InputError(
                f"{path} is there already but {wrong}; move it away and try again, nothing is "
                "overwritten"
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
    """Return how a file differs from the published one, "" for not at all."""
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
    """Raise InputError, which ends with the way out, unless a file has that sha256."""
    pooch = _pooch()
    found = pooch.file_hash(str(path))
    if found != sha256:
        raise InputError(f"{path} has sha256 {found}, the published file {sha256}; {way_out}")


def _check_writable(path: Path, size: int | None) -> None:
    """Raise InputError unless a file of that size can be written there; its folder is made."""
    try:
        files.check_writable(path)
    except InputError as error:
        reason = str(error).partition(";")[0]
        raise InputError(f"{reason}; set {HOME_VARIABLE} to another folder") from None
    free = shutil.disk_usage(path.parent).free
    if size is not None and free < size:
        raise InputError(
            f"{path.name} needs {size:,} bytes and {path.parent} has {free:,} free; make room, or "
            f"set {HOME_VARIABLE} to a folder that has it"
        )


def _retrieve(download: Download, url: str, path: Path, advance: Advance | None) -> Path:
    """Download a file from one mirror; raise _MirrorError for the mirror's faults."""
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
            f"{path} cannot be written ({error.strerror or error}); make room, or set "
            f"{HOME_VARIABLE} to another folder"
        ) from None
    return path


def _reason(error: BaseException) -> str:
    """Return what went wrong on the network, as the system says it if possible."""
    if "timed out" in str(error):
        return f"gave no answer within {TIMEOUT_S:g} s"
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return f"failed ({inner.strerror})"
        inner = inner.__cause__ or inner.__context__
    return f"failed ({error})"


class _Receiver:
    """Downloads a file of a limited size for pooch, and reports the progress."""

    def __init__(self, download: Download, advance: Advance) -> None:
        self.size, self.advance = download.size, advance
        self.total = self.done = 0  # pooch sets `total` to what the mirror promises

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
        """Stop a mirror that sends more than there is."""
        self.done += count
        most = self.size or DOWNLOAD_BYTES_MAX
        if self.done >= most + CHUNK_BYTES:  # pooch counts whole chunks
            raise _MirrorError(f"sent more than the {most:,} bytes of the file")
        total = self.size or self.total or self.done
        self.advance(min(self.done, total), total)

    def reset(self) -> None:
        """Count from 0 again."""
        self.done = 0

    def close(self) -> None:
        """End the display, which `update` has done."""


@contextmanager
def _quiet(logger: Any) -> Iterator[None]:
    """Keep pooch from announcing what the commands announce."""
    level = logger.level
    logger.setLevel("WARNING")
    try:
        yield
    finally:
        logger.setLevel(level)


def unpack(archive: Path, folder: Path, *, most_bytes: int = UNPACKED_BYTES_MAX) -> None:
    """Unpack a zip or tar archive into a new folder, which appears once it is complete.

    Args:
        archive: zip, or tar with or without gzip, bzip2 or xz.
        folder: must not exist.
        most_bytes: size limit of the content.

    Raises:
        InputError: when the folder exists, or the archive is missing, damaged, too large, or holds
            a link, a device, a name twice or a path that leads out of the folder.
    """
    files.check_file(archive, "download it again")
    if files.kind(folder):
        raise InputError(f"{folder} is there already; move it away and try again")
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
    except (RuntimeError, NotImplementedError) as error:  # encrypted, or packed in a rare way
        raise InputError(f"{archive} cannot be unpacked ({error}); unpack it by hand") from None
    except OSError as error:
        raise InputError(
            f"{archive} cannot be unpacked into {folder} ({error.strerror or error}); nothing was "
            "changed there, so make room, or remove the archive and download it again"
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
        # Early releases of Python 3.10 and 3.11 have no filter; all that is left are plain files.
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
    """Raise InputError for a member that cannot be extracted safely, or for too many of them."""
    done, names = 0, set()
    for number, (name, size, kind) in enumerate(members):
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or set("\\:\0") & set(name):
            raise InputError(
                f"{archive} holds {name!r}, which may lead out of the folder; remove the archive"
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
