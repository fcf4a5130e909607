"""Make Lava importable on Python 3.11 and later.

`lava.magma.compiler.var_model` (lava-nc 0.10.0) has a dataclass whose default is an instance of
another dataclass. Python 3.11 refuses such a default unless its class can be hashed, so that one
module is imported with `dataclass(unsafe_hash=True)`. Python 3.10 needs nothing.
"""

from __future__ import annotations

import dataclasses
import importlib
import sys
from functools import wraps
from typing import Any

from neurodeploy.models.errors import require

_MODULE = "lava.magma.compiler.var_model"


def prepare() -> None:
    """Import the module that Python 3.11 refuses; call this before any import of Lava.

    Raises:
        MissingPackageError: when Lava is not installed.
    """
    require("Lava's process graph", "lava.magma")
    if sys.version_info < (3, 11) or _MODULE in sys.modules:
        return
    original = dataclasses.dataclass

    @wraps(original)
    def hashable(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **{"unsafe_hash": True, **kwargs})

    dataclasses.dataclass = hashable
    try:
        importlib.import_module(_MODULE)
    finally:
        dataclasses.dataclass = original
