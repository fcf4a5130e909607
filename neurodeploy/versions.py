"""The versions of Python and of the packages that decide a result."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Final

PACKAGES: Final = ("neurodeploy", "lava-nc", "lava-dl", "numpy")
"""Packages whose versions reports and runs list."""


def versions() -> dict[str, str]:
    """Return the versions of Python and of the installed `PACKAGES`."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
