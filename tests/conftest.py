"""Fixtures that several test files share."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy.__main__ import main
from neurodeploy.export import netx
from neurodeploy.hw_sim.activity import Activity
from neurodeploy.models import loihi
from neurodeploy.models.network import (
    ConvLayer,
    CubaLif,
    DenseLayer,
    InputLayer,
    QuantizedNetwork,
    TaskDescription,
)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as for what a shell runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real samples that may stand beside the project, or skip."""
    folder = Path(__file__).parent.parent.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no folder of real samples beside the project ({folder.name})")
    return folder


def _blanks(rows: Iterable[Iterable[float]]) -> str:
    """Return rows of numbers as the UCI text files write them."""
    return "".join(" ".join(f"{value:.7g}" for value in row) + "\n" for row in rows)


def _write_uci_har(root: Path) -> None:
    names = [f"{kind}_{axis}" for kind in ("total_acc", "body_gyro") for axis in "xyz"]
    for part, subjects, count in (("train", (1, 3, 5), 18), ("test", (2, 4), 12)):
        folder = root / part / "Inertial Signals"
        folder.mkdir(parents=True)
        each = count // len(subjects)
        (root / part / f"y_{part}.txt").write_text(_blanks([i % 6 + 1] for i in range(count)))
        (root / part / f"subject_{part}.txt").write_text(
            _blanks([subjects[i // each]] for i in range(count))
        )
        values = np.arange(count)[:, None] + np.arange(128) / 1000
        for channel, name in enumerate(names):
            (folder / f"{name}_{part}.txt").write_text(_blanks(values + channel / 10))


@pytest.fixture
def uci_har_folder(tmp_path: Path) -> Path:
    """Write a tiny UCI HAR: 18 training windows of subjects 1, 3, 5 and 12 test windows of 2, 4.

    Window i of a part holds class i modulo 6; in channel c at sample t stands i + c / 10 +
    t / 1000.
    """
    _write_uci_har(tmp_path / "UCI HAR Dataset")
    return tmp_path / "UCI HAR Dataset"


@pytest.fixture
def hapt_folder(tmp_path: Path) -> Path:
    """Write a tiny raw HAPT: subjects 1, 2, 3, one recording each, returned as its `RawData`.

    Each recording: 10 unlabelled samples, then for labels 1 to 7 in turn 200 samples (two windows).
    The value in channel c at sample t is t + c / 10.
    """
    root = tmp_path / "HAPT Data Set" / "RawData"
    root.mkdir(parents=True)
    samples = np.arange(10 + 7 * 200)[:, None]
    rows = []
    for number in (1, 2, 3):
        name = f"exp{number:02d}_user{number:02d}.txt"
        (root / f"acc_{name}").write_text(_blanks(samples + np.arange(3) / 10))
        (root / f"gyro_{name}").write_text(_blanks(samples + np.arange(3, 6) / 10))
        rows += [(number, number, k + 1, 10 + 200 * k, 209 + 200 * k) for k in range(7)]
    (root / "labels.txt").write_text(_blanks(rows))
    return root


@pytest.fixture
def wisdm_folder(tmp_path: Path) -> Path:
    """Write a tiny WISDM v1.1 of subjects 1, 2, 4: 200 records (two windows) an activity.

    The values are 9.80665 m/s^2 times (subject, 0, 1). With the defects of the official file: a
    record that ends with `,;`, two on one line, one without `;` (all to be read); one without z,
    one with time 0, an empty line (to be left out).
    """
    activities = ("Walking", "Jogging", "Upstairs", "Downstairs", "Sitting", "Standing")
    lines, time = [], 49_105_962_326_000
    for subject in (1, 2, 4):
        for activity in activities:
            for _ in range(200):
                lines.append(f"{subject},{activity},{time},{9.80665 * subject},0.0,9.80665;\n")
                time += 50_000_000
            time += 5_000_000_000
    lines[3] = lines[3].replace(";", ",;")
    lines[5] = lines[5].rstrip("\n")
    lines[9] = lines[9].replace(";", "")
    lines[12:12] = ["1,Walking,49105962826001,1.0,2.0,;\n", "1,Walking,0,0,0,0;\n", "\n"]
    root = tmp_path / "WISDM_ar_v1.1"
    root.mkdir()
    (root / "WISDM_ar_v1.1_raw.txt").write_text("".join(lines))
    return root


@pytest.fixture
def wisdm_2019_folder(tmp_path: Path) -> Path:
    """Write a tiny WISDM 2019, watch and phone, of subjects 1600, 1601, 1602.

    Activities A to F, 210 records of each sensor at 20 Hz, a ramp of 1 m/s^2 or rad/s a second in x
    and constants 0 and 9.80665 (accelerometer) or 2 (gyroscope) in y and z; the gyroscope starts
    20 ms later.
    """
    root = tmp_path / "wisdm-dataset"
    for device in ("watch", "phone"):
        for sensor, offset, z in (("accel", 0, 9.80665), ("gyro", 20_000_000, 2.0)):
            folder = root / "raw" / device / sensor
            folder.mkdir(parents=True)
            for subject in (1600, 1601, 1602):
                times = offset + np.arange(210) * 50_000_000
                lines = [
                    f"{subject},{code},{10**14 + place * 10**12 + t},{t / 1e9:.7g},0.0,{z};\n"
                    for place, code in enumerate("ABCDEF")
                    for t in times
                ]
                (folder / f"data_{subject}_{sensor}_{device}.txt").write_text("".join(lines))
    return root


@pytest.fixture
def random_network() -> Callable[..., QuantizedNetwork]:
    """Return a function that draws a network of dense layers which spike when their input does.

    `delays` names the kind of delay of each layer after the other, over and over.
    """

    def draw(
        rng: np.random.Generator,
        sizes: Sequence[int],
        *,
        delays: Sequence[str] = ("none",),
        longest: int = loihi.DELAY_MAX,
        per_neuron: bool = False,
        threshold: tuple[int, int] = (50, 300),
        weight: tuple[int, int] = (-110, 160),
    ) -> QuantizedNetwork:
        layers = []
        for index, (senders, neurons) in enumerate(pairwise(sizes)):
            shapes = {
                "none": (1, 1),
                "axonal": (1, senders),
                "dendritic": (neurons, 1),
                "synaptic": (neurons, senders),
            }
            kind = delays[index % len(delays)]
            neuron = CubaLif(
                rng.integers(0, 2500, neurons if per_neuron else 1),
                rng.integers(0, 1000, neurons if per_neuron else 1),
                int(rng.integers(*threshold)),
            )
            delay = rng.integers(0, longest + 1, shapes[kind]) * (kind != "none")
            layers.append(DenseLayer(rng.integers(*weight, (neurons, senders)), neuron, delay))
        return QuantizedNetwork.chain(tuple(layers))

    return draw


@pytest.fixture(scope="session")
def shipped() -> Callable[[str], Path]:
    """Return a function that finds what lava-dl's wheel ships beside its tests of netx, by name."""
    installed = {str(each): each for each in metadata.files("lava-dl") or ()}

    def find(name: str) -> Path:
        entry = installed.get(f"tests/lava/lib/dl/netx/{name}")
        if entry is None or not Path(entry.locate()).is_file():
            pytest.skip(f"the installed lava-dl has no tests/.../netx/{name}; its wheel 0.6.0 has")
        return Path(entry.locate())

    return find


@pytest.fixture(scope="session")
def stock_netx() -> Callable[[Path], None]:
    """Return a function that runs the networks of a folder with lava-dl; see `stock_netx.py`."""
    from neurodeploy.hw_sim.simulators.process import Job, run_job

    def run(folder: Path) -> None:
        shutil.copy(Path(__file__).with_name("stock_netx.py"), folder)
        steps = sum(np.load(each).shape[-1] for each in folder.glob("*.npy"))
        run_job(Job("stock_netx", folder, "Stock netx", steps, 600.0))

    return run


@pytest.fixture(scope="session")
def on_lava() -> Iterator[Callable[..., Activity]]:
    """Return a function that runs a network on Lava with states, in one process for all tests."""
    from benchmarks.lava_server import LavaServer

    with LavaServer() as lava:
        yield lava.run


@pytest.fixture
def one_torch_thread() -> Iterator[None]:
    """Compute on one torch thread: with two, lava-dl's loops over time are four times slower."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def draw_spikes() -> Callable[..., np.ndarray]:
    """Return a function that draws input spikes, uint8 of the shape (batch, channels, time)."""

    def draw(*shape: int, rate: float = 0.3, seed: int = 0) -> np.ndarray:
        return (np.random.default_rng(seed).random(shape) < rate).astype(np.uint8)

    return draw


@pytest.fixture
def stack() -> Callable[..., Any]:
    """Return a function that makes of lava-dl blocks a network such as users have."""
    import torch

    class Stack(torch.nn.Module):
        def __init__(self, *blocks: Any) -> None:
            super().__init__()
            self.blocks = torch.nn.ModuleList(blocks)

        def forward(self, spikes: Any) -> Any:
            for block in self.blocks:
                spikes = block(spikes)
            return spikes

    return Stack


@pytest.fixture
def network_file(tmp_path: Path, random_network: Callable[..., QuantizedNetwork]) -> Path:
    """Write a network of two layers, 4-5-3, with synaptic delays between them, as a netx file."""
    network = random_network(np.random.default_rng(0), (4, 5, 3), delays=["none", "synaptic"])
    task = TaskDescription("har", {"name": "delta", "step": 0.25}, ("a", "b", "c"), 64, 20.0)
    netx.write(QuantizedNetwork.chain(network.layers, task, {"seed": 3}), tmp_path / "model.net")
    return tmp_path / "model.net"


@pytest.fixture
def tiny_training() -> Callable[..., Any]:
    """Return a function that starts a training on 6 people and 2 levels, of a second or less.

    People 5 and 6 test. The first sample of window i in channel 0 is i / 1000, to know it by.
    """
    from neurodeploy.config import TrainConfig
    from neurodeploy.data import get
    from neurodeploy.data.dataset import Dataset
    from neurodeploy.data.encoders import SigmaDelta
    from neurodeploy.data.split import split_by_subject
    from neurodeploy.data.task_data import TaskData
    from neurodeploy.train import training

    count = 6 * 8
    labels = np.arange(count) % 2
    noise = np.random.default_rng(1).normal(0, 0.5, (count, 3, 64))
    signals = noise + np.array([-0.6, 0.6])[labels, None, None]
    signals[:, 0, 0] = np.arange(count) / 1000
    dataset = Dataset(
        signals.astype(np.float32),
        labels.astype(np.int64),
        np.repeat(np.arange(1, 7), 8),
        ("low", "high"),
        ("acc-x (g)", "acc-y (g)", "acc-z (g)"),
        50.0,
        "made up",
        (5, 6),
    )

    def make(*, encoder: Any = None, seed: int = 0, device: str = "cpu", **recipe: Any) -> Any:
        values = {"hidden": (6,), "epochs": 4, "batch_size": 8, **recipe}
        chosen = TrainConfig(**values, seed=seed, device=device)
        data = TaskData(get("har"), dataset, split_by_subject(dataset), encoder or SigmaDelta(0.8))
        return training.start(data, chosen)

    return make


@pytest.fixture(autouse=True)
def not_run_by_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands name the next one as they do without uv, whatever runs the tests."""
    monkeypatch.delenv("UV", raising=False)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of its own, 80 columns wide."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def dense(workplace: None, random_network: Any) -> QuantizedNetwork:
    """Return a network 4-5-3 without a task and write it to dense.net."""
    network = random_network(np.random.default_rng(0), (4, 5, 3))
    even = (replace(layer, weight=layer.weight & ~1) for layer in network.layers)
    network = network.with_layers(tuple(even))
    netx.write(network, Path("dense.net"))
    return network


@pytest.fixture
def driven(workplace: None) -> QuantizedNetwork:
    """Return a network of input neurons (scale 3, offset 2), a convolution and 2 outputs, and
    write it to driven.net."""
    rng = np.random.default_rng(2)
    neuron = CubaLif(np.array([1024]), np.array([512]), 60)
    network = QuantizedNetwork.chain(
        (
            InputLayer(neuron, (1, 3, 4), 3, 2),
            ConvLayer(rng.integers(0, 60, (2, 1, 2, 2)), (1, 3, 4), neuron),
            DenseLayer(rng.integers(-40, 60, (2, 12)), neuron),
        )
    )
    netx.write(network, Path("driven.net"))
    return network


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command and gives its exit code, stdout and stderr."""

    def run(name: str, *words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([name, *map(str, words)])
        return (code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def trained_work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train and export once, in a folder with the data in `data` and the run in `runs/har`."""
    from neurodeploy.train import history

    folder = tmp_path_factory.mktemp("trained")
    _write_uci_har(folder / "data")
    small = ("--epochs", "1", "--hidden", "8", "--batch", "6")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        patched.setattr(history, "draw", lambda _, path, **__: path.write_bytes(b"a picture"))
        assert main(["train", "--data", "data", *small]) == 0
        assert main(["export", "runs/har", "--data", "data"]) == 0
    return folder


@pytest.fixture
def work(trained_work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the trained folder, make the copy the current one, and return it."""
    folder = tmp_path / "work"
    shutil.copytree(trained_work, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use a data home of its own and a terminal of 80 columns."""
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path / "home"


@pytest.fixture
def toy_task(data_home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that registers a task of 12 windows as the only one, and says of its origin
    what it is told."""
    from neurodeploy import data as tasks
    from neurodeploy.config import TrainConfig
    from neurodeploy.data import dataset, origin, task
    from neurodeploy.data.encoders import Delta

    def read(path: Path) -> Any:
        return dataset.Dataset(
            np.zeros((12, 3, 8), np.float32), np.arange(12) % 2, None, ("no", "[yes]"),
            ("x (g)", "y (g)", "z (g)"), 50.0, f"made up from {path.name}",
            parts=np.repeat([dataset.TRAIN, dataset.TEST], [10, 2]),
            notes=("one thing was left out",),
        )  # fmt: skip

    def register(**changes: Any) -> Any:
        words = ("12 made-up windows", "CC0", "Nobody, Nothing, 2020", "get them with `cp`")
        came = replace(origin.Origin(*words, ("toy",)), **changes)
        made = task.Task("toy", "a toy", read, lambda _: Delta(), TrainConfig(), came)
        monkeypatch.setattr(tasks, "TASKS", {"toy": made})
        return made

    return register


@pytest.fixture
def offline_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep counts of events in a folder of the test's own, and let tonic download nothing."""

    def no_download(*_: object, **__: object) -> None:
        raise AssertionError("a test tried to download")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("tonic.dataset.download_and_extract_archive", no_download)
    monkeypatch.setattr("requests.get", no_download)


@pytest.fixture
def run_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_torch_thread: None
) -> Callable[[str], dict[str, Any]]:
    """Return a function that executes the Python of a page, what stands in its comments too, in an
    empty folder, and returns the names that it defines."""
    from sybil import Sybil
    from sybil.parsers.markdown import PythonCodeBlockParser

    monkeypatch.chdir(tmp_path)

    def run(page: str) -> dict[str, Any]:
        root = Path(__file__).resolve().parent.parent
        document = Sybil(parsers=[PythonCodeBlockParser()]).parse(root / page)
        for example in document.examples():
            example.evaluate()
        return dict(document.namespace)

    return run
