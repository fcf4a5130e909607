"""lava-dl's SLAYER, imported without the notices that it prints about parts nobody asked for."""

from __future__ import annotations

import io
import logging
from contextlib import redirect_stderr, redirect_stdout

logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
    from lava.lib.dl import slayer

__all__ = ["slayer"]
