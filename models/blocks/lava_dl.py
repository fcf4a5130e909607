"""lava-dl's SLAYER, imported without the notices that it prints and without what nobody here needs.

Half the time of `import lava.lib.dl.slayer` goes into its object detection, which loads torchvision
and torch's compiler. Here that part is imported when somebody first asks for a name in it.
"""

from __future__ import annotations

import importlib
import io
import logging
import sys
from contextlib import redirect_stderr, redirect_stdout
from types import ModuleType
from typing import Any

_UNUSED = "lava.lib.dl.slayer.object_detection"


class _Later(ModuleType):
    """Stand for a module until one of its names is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(importlib.import_module(self.__name__), name)


def _import_slayer() -> Any:
    if "lava.lib.dl.slayer" in sys.modules:
        return importlib.import_module("lava.lib.dl.slayer")
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    sys.modules[_UNUSED] = _Later(_UNUSED)
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            return importlib.import_module("lava.lib.dl.slayer")
    finally:
        del sys.modules[_UNUSED]


slayer = _import_slayer()
