"""What a GPU needs is said before training starts; compilers and GPU are stand-ins here."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils import cpp_extension

from neurodeploy.learning import distributed, training
from neurodeploy.models.errors import InputError

Make = Callable[..., training.Training]


@pytest.fixture
def compilers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let everything be there that lava-dl's CUDA kernels are compiled with; return nvcc."""
    nvcc, header = tmp_path / "cuda/bin/nvcc", tmp_path / "include/Python.h"
    for file in (nvcc, header):
        file.parent.mkdir(parents=True)
        file.write_text("")
    monkeypatch.setattr(cpp_extension, "CUDA_HOME", str(tmp_path / "cuda"))
    monkeypatch.setattr(cpp_extension, "is_ninja_available", lambda: True)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(distributed.sysconfig, "get_path", lambda _: str(header.parent))
    return nvcc


def test_nothing_is_missing_where_all_is_there(compilers: Path) -> None:
    assert distributed.missing_for_gpu() == []
    distributed.check_compilers("cuda")


def test_all_that_is_missing_is_named_at_once(
    compilers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compilers.unlink()
    monkeypatch.setattr(cpp_extension, "is_ninja_available", lambda: False)
    with pytest.raises(InputError) as caught:
        distributed.check_compilers("cuda:1")
    assert str(caught.value) == (
        "training on 'cuda:1' compiles lava-dl's CUDA kernels, for which there is no nvcc (of "
        "NVIDIA's CUDA toolkit, where CUDA_HOME says) and no ninja (uv pip install ninja); install "
        "that or use --device cpu"
    )


@pytest.mark.parametrize("home", [None, "/nowhere"])
def test_without_the_toolkit_there_is_no_nvcc(
    compilers: Path, monkeypatch: pytest.MonkeyPatch, home: str | None
) -> None:
    monkeypatch.setattr(cpp_extension, "CUDA_HOME", home)
    assert [name[:4] for name in distributed.missing_for_gpu()] == ["nvcc"]


def test_a_c_compiler_and_pythons_headers_are_needed(
    compilers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(cpp_extension, "get_cxx_compiler", lambda: "c++")
    monkeypatch.setattr(distributed.sysconfig, "get_path", lambda _: "/nowhere")
    version = f"python3.{sys.version_info[1]}-dev"
    assert distributed.missing_for_gpu() == ["C++ compiler (c++)", f"Python.h (package {version})"]


def test_training_on_a_gpu_without_compilers_does_not_start(
    compilers: Path, tiny_training: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    zeros = torch.zeros

    def on_any_device(*shape: Any, device: Any = None, **options: Any) -> torch.Tensor:
        return zeros(*shape, **options)

    monkeypatch.setattr(torch, "zeros", on_any_device)
    assert training.find_device("cuda") == torch.device("cuda")
    compilers.unlink()
    with pytest.raises(InputError, match=r"there is no nvcc .*; install that or use --device cpu"):
        tiny_training(device="cuda")
