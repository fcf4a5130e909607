"""What training on a GPU needs: lava-dl compiles its CUDA kernels on their first use."""

from __future__ import annotations

import shutil
import sys
import sysconfig
from pathlib import Path

from neurodeploy.models.errors import InputError


def check_compilers(device: str) -> None:
    """Raise InputError that names what is missing to compile lava-dl's kernels, all at once."""
    absent = missing()
    if absent:
        raise InputError(
            f"training on {device!r} compiles lava-dl's CUDA kernels, for which there is no "
            f"{' and no '.join(absent)}; install that or use --device cpu"
        )


def missing() -> list[str]:
    """Return what is needed and not there, each with where it comes from."""
    from torch.utils import cpp_extension

    home = cpp_extension.CUDA_HOME
    compiler = str(cpp_extension.get_cxx_compiler())  # type: ignore[no-untyped-call]
    header = Path(sysconfig.get_path("include")) / "Python.h"
    there = {
        "nvcc (of NVIDIA's CUDA toolkit, where CUDA_HOME says)": home is not None
        and (Path(home) / "bin" / "nvcc").exists(),
        "ninja (uv pip install ninja)": cpp_extension.is_ninja_available(),
        f"C++ compiler ({compiler})": shutil.which(compiler) is not None,
        f"Python.h (package python3.{sys.version_info[1]}-dev)": header.exists(),
    }
    return [name for name, found in there.items() if not found]
