"""The files that `report` writes: their names are checked before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from neurodeploy.models import files
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import check_writable
from neurodeploy.running import spike_file, trained_network
from neurodeploy.running.report_request import Request

PAGES = (".html", ".htm")
PICTURES = (".svg", ".png")


def check(request: Request) -> None:
    """Raise InputError where a name is no name for such a file, or a file that is read."""
    if request.raster is not None and request.html is None and request.plots is None:
        raise InputError("--raster chooses the sample that --html and --plots show; give one too")
    if request.spikes is not None:
        spike_file.check_name(request.spikes)
        _keep_what_is_read(request, request.spikes, "--spikes")
    if request.html is not None:
        if request.html.suffix.lower() not in PAGES or files.kind(request.html) == "folder":
            raise InputError(
                f"{request.html} is no name for a page; give --html one ending in .html"
            )
        _keep_what_is_read(request, request.html, "--html")
        check_writable(request.html)
    if request.plots is not None:
        if files.kind(request.plots) not in ("", "folder"):
            raise InputError(f"{request.plots} is no folder; give --plots the name of one")
        for name in (each.name for each in _read(request) if each.suffix in PICTURES):
            _keep_what_is_read(request, request.plots / name, "--plots")
        check_writable(request.plots / f"figure{PICTURES[0]}")


def _read(request: Request) -> Iterator[Path]:
    yield request.network
    yield trained_network.beside(request.network)
    yield from filter(None, (request.input, request.labels, *request.costs))


def _keep_what_is_read(request: Request, written: Path, option: str) -> None:
    """Raise InputError where writing would replace a file that is read."""
    for path in _read(request):
        if files.same_file(path, written):
            raise InputError(f"{option} would write over {path}; give it another name")
