"""Train networks in other frameworks, bring them here by NIR, and compare their accuracies.

    python -m benchmarks.nir_trained [--networks all] [--tasks digits har] [--bits 8 6 4]
        [--folder runs/nir-trained] [--markdown docs/benchmarks/nir.md] [--json FILE]

Every network is trained and exported by its framework, in an environment of its own (see
`benchmarks.peers.nir_trained`), on the encoded samples of a task. The NIR file is run by the float
reference, and quantized and reported by neurodeploy's commands. Calibration samples come from the
training set; test samples are run for the final figures only. A trained network in the folder is
reused.
"""

from __future__ import annotations

import argparse
import io
import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks import pages, programs
from benchmarks.pages import Table, number
from benchmarks.programs import NIR_TRAINERS
from neurodeploy import task as task_of
from neurodeploy.commands import export, report

PARTS: Final = ("train", "validation", "test")
HIDDEN: Final = {"digits": (128, 64), "har": (96, 64)}
EPOCHS: Final = {"digits": 30, "har": 12}
BATCH: Final = 64
LEARNING_RATE: Final = {"digits": 5e-3, "har": 1e-3}
ON_HAR: Final = ("snntorch-synaptic", "norse-lif")
"""Networks that are trained on tasks other than `digits`, by default."""
CALIBRATION: Final = 256
"""Training samples for the calibration."""
UNCALIBRATED: Final = "8, uncalibrated"

READINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "snntorch-default": ("--reset", "subtract", "--reset-delay"),
    "sinabs-lif": ("--norm-input", "no"),
    "sinabs-default": ("--reset", "subtract", "--multi-spike", "--approximate"),
    "rockpool-lif": ("--reset", "subtract", "--approximate"),
    "rockpool-default": ("--reset", "subtract", "--multi-spike", "--approximate"),
}
"""Options of the dialect for what a framework's file does not tell."""


@dataclass
class Result:
    """One network.

    Attributes:
        variant: key of `NIR_TRAINERS`.
        task: name of the task.
        framework: the JSON object of `benchmarks.peers.nir_trained`, or None.
        reference: test accuracy of the float reference, 0..1, or None.
        same_counts: share of test samples whose output spike counts in the float reference equal
            the framework's, 0..1, or None.
        deployed: bits, with or without calibration -> JSON report of the quantized network.
        reasons: reasons why figures are missing.
    """

    variant: str
    task: str
    framework: dict[str, Any] | None = None
    reference: float | None = None
    same_counts: float | None = None
    deployed: dict[str, dict[str, Any]] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name of its files."""
        return f"{self.variant}-{self.task}"

    @property
    def title(self) -> str:
        """Framework and neurons."""
        return NIR_TRAINERS[self.variant].title

    @property
    def dialect(self) -> str:
        """Name of the dialect."""
        return self.variant.partition("-")[0]

    def accuracy(self, bits: str) -> float | None:
        """Return the test accuracy of the quantized network, 0..1, or None."""
        found = self.deployed.get(bits)
        return None if found is None else float(found["counted"]["score"]["accuracy"])


def main(argv: Sequence[str] | None = None) -> int:
    """Train, deploy and print the tables."""
    words = sys.argv[1:] if argv is None else list(argv)
    args = _options().parse_args(words)
    # Stop child processes on SIGTERM, as on Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    args.folder.mkdir(parents=True, exist_ok=True)
    for name in args.tasks:
        write_samples(name, args.folder)
    results = [Result(*each) for each in chosen(args.networks, args.tasks)]
    for result in tqdm(results, desc="networks", disable=None):
        train(result, args.folder, args.limit)
        if result.framework is not None:
            compare(result, args.folder)
            deploy(result, args.folder, [str(each) for each in args.bits])
    tables = [accuracy_table(results), cost_table(results), reading_table(results)]
    for table in tables:
        table.show()
    if args.json:
        args.json.write_text(json.dumps([asdict(result) for result in results], indent=1))
    if args.markdown:
        found = {
            each.title: {"versions": each.framework["versions"], "leaves_out": ()}
            for each in results
            if each.framework
        }
        pages.write(
            args.markdown, "nir_trained", words, tables=tables,
            worst=worst_loss(results), calibration=CALIBRATION,
            versions=programs.versions_table(found),
        )  # fmt: skip
    return 0


def chosen(networks: str, tasks: Sequence[str]) -> list[tuple[str, str]]:
    """Return (variant, task) of all networks of the options.

    With "all", every network is trained on `digits`, and those of `ON_HAR` on the other tasks.
    """
    names = programs.chosen(NIR_TRAINERS, networks, ())
    return [
        (variant, task)
        for task in tasks
        for variant in names
        if networks != "all" or task == "digits" or variant in ON_HAR
    ]


def write_samples(name: str, folder: Path) -> None:
    """Write the encoded samples of a task, unless they are there.

    NAME.npz is for the frameworks, NAME-PART-spikes.npy and NAME-PART-labels.npy for neurodeploy's
    commands; NAME-calibration-spikes.npy holds some of the training samples.
    """
    if (folder / f"{name}.npz").exists():
        return
    data = task_of(name)
    arrays: dict[str, NDArray[Any]] = {}
    for part in PARTS:
        samples = getattr(data, part)
        arrays[part], arrays[f"{part}_labels"] = samples.spikes, samples.targets
        np.save(folder / f"{name}-{part}-spikes.npy", samples.spikes)
        np.save(folder / f"{name}-{part}-labels.npy", samples.targets)
    few = data.train.take(CALIBRATION)
    np.save(folder / f"{name}-calibration-spikes.npy", few.spikes)
    np.savez_compressed(
        folder / f"{name}.npz", hidden=np.array(HIDDEN[name]), epochs=EPOCHS[name],
        batch=BATCH, rate=LEARNING_RATE[name], seed=1, **arrays,
    )  # fmt: skip


def train(result: Result, folder: Path, limit_s: float) -> None:
    """Train and export a network in its framework, unless its files are there."""
    record = folder / f"{result.name}.json"
    if not (record.exists() and (folder / f"{result.name}.nir").exists()):
        found, reason = programs.run(
            NIR_TRAINERS[result.variant], folder / f"{result.task}.npz", threads=1, seconds=0,
            limit_s=limit_s,
        )  # fmt: skip
        if found is None:
            result.reasons.append(reason)
            return
        record.write_text(json.dumps(found))
    result.framework = json.loads(record.read_text())


def compare(result: Result, folder: Path) -> None:
    """Run the float reference on the test samples."""
    from neurodeploy.export.nir import dialects, graph, reference

    spikes = np.load(folder / f"{result.task}-test-spikes.npy")
    labels = np.load(folder / f"{result.task}-test-labels.npy")
    dialect = dialects.DIALECTS[result.dialect].with_options(**options_of(result.variant))
    read = graph.read(folder / f"{result.name}.nir")
    dt_s, _ = dialects.time_step(read, dialect, None)
    run = reference.simulate(read, spikes, dialect, dt_s, voltages=False)
    counts = list(run.values())[-1].spikes.sum(2)
    with np.load(folder / f"{result.name}.npz") as own:
        result.same_counts = float((counts == own["counts"]).all(1).mean())
    result.reference = float((counts.argmax(1) == labels).mean())


def options_of(variant: str) -> dict[str, Any]:
    """Return the options of a dialect, as `Dialect.with_options` takes them."""
    words = READINGS.get(variant, ())
    found: dict[str, Any] = {}
    if "--reset" in words:
        found["reset"] = words[words.index("--reset") + 1]
    for word in ("--reset-delay", "--multi-spike"):
        if word in words:
            found[word[2:].replace("-", "_")] = True
    if "--norm-input" in words:
        found["norm_input"] = words[words.index("--norm-input") + 1] == "yes"
    return found


def deploy(result: Result, folder: Path, bits: Sequence[str]) -> None:
    """Quantize and report a network with neurodeploy's commands."""
    calibrate = ("--calibrate", str(folder / f"{result.task}-calibration-spikes.npy"))
    ways = {each: ("--bits", each, *calibrate) for each in bits}
    if "8" in bits:
        ways[UNCALIBRATED] = ("--bits", "8")
    for name, words in ways.items():
        network = folder / f"{result.name}-{name.replace(', ', '-')}.net"
        try:
            command(
                export.main, str(folder / f"{result.name}.nir"), "--dialect",
                result.dialect, *READINGS.get(result.variant, ()), *words, "--out", str(network),
            )  # fmt: skip
            found = command(
                report.main, str(network), "--json", "--input",
                str(folder / f"{result.task}-test-spikes.npy"), "--labels",
                str(folder / f"{result.task}-test-labels.npy"),
            )  # fmt: skip
        except CommandFailed as error:
            result.reasons.append(f"{name}: {error}")
            continue
        result.deployed[name] = json.loads(found)


class CommandFailed(Exception):
    """A command failed; the message is the last line of its stderr."""


def command(main: Callable[[Sequence[str]], int], *words: str) -> str:
    """Run a command in this process and return its stdout.

    Raises:
        CommandFailed: if it could not be done.
    """
    out, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(errors):
        status = main(words)
    if status not in (0, 1):
        raise CommandFailed(programs.why(errors.getvalue(), status))
    return out.getvalue()


def percent(share: float | None) -> str:
    """Format a share of 1 in percent with one digit; "-" for None."""
    return "-" if share is None else f"{100 * share:.1f}"


def accuracy_table(results: Sequence[Result]) -> Table:
    """Return the table of test accuracies, in percent."""
    bits = list(dict.fromkeys(key for result in results for key in result.deployed))
    bits.sort(key=lambda key: (key == UNCALIBRATED, -int(key.split(",")[0])))
    rows = [
        [
            result.title,
            result.task,
            percent(result.framework["accuracy"] if result.framework else None),
            percent(result.reference),
            percent(result.same_counts),
            *(percent(result.accuracy(key)) for key in bits),
            "; ".join(result.reasons) or "-",
        ]
        for result in results
    ]
    return Table(
        "Accuracy", "test accuracy in percent",
        ["network", "task", "framework", "float reference", "same counts",
         *(f"{key} bits" if key != UNCALIBRATED else "8 bits, uncalibrated" for key in bits),
         "missing"],
        rows,
    )  # fmt: skip


def cost_table(results: Sequence[Result]) -> Table:
    """Return the table of what the calibrated networks of 8 bits cost per sample."""
    rows = []
    for result in results:
        found = result.deployed.get("8")
        if found is None or result.framework is None:
            continue
        total = found["counted"]["total"]
        rows.append([
            result.title,
            result.task,
            "-".join(map(str, result.framework["sizes"])),
            number(sum(result.framework["spikes"])),
            number(total["spikes_per_sample"]),
            number(total["synops_per_sample"]),
            *(
                pages.band(found["estimated"][chip]["full_speed"]["energy_per_sample_uj"]["total"])
                for chip in found["estimated"]
            ),
        ])  # fmt: skip
    chips = next((list(each.deployed["8"]["estimated"]) for each in results
                  if "8" in each.deployed), [])  # fmt: skip
    return Table(
        "Cost", "per test sample, 8 bits, calibrated; energy in µJ, estimated",
        ["network", "task", "layers", "spikes in the framework", "spikes", "SynOps",
         *(f"energy, {chip}" for chip in chips)],
        rows,
    )  # fmt: skip


def reading_table(results: Sequence[Result]) -> Table:
    """Return the table of options with which each file was read."""
    words = {
        result.title: ["--dialect", result.dialect, *READINGS.get(result.variant, ())]
        for result in results
    }
    rows = [[title, f"`{' '.join(options)}`"] for title, options in words.items()]
    return Table("Options of `neurodeploy.export`", "", ["network", "options"], rows)


def worst_loss(results: Sequence[Result]) -> float | None:
    """Return the largest loss of a calibrated network of 8 bits, in points, or None.

    Networks with an approximated reset do not count.
    """
    losses = [
        100 * (each.framework["accuracy"] - accuracy)
        for each in results
        if each.framework and (accuracy := each.accuracy("8")) is not None
        and "--approximate" not in READINGS.get(each.variant, ())
    ]  # fmt: skip
    return max(losses) if losses else None


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument(
        "--networks", default="all",
        help=f"comma-separated names, or 'all'; names: {', '.join(NIR_TRAINERS)}",
    )  # fmt: skip
    options.add_argument("--tasks", nargs="+", default=["digits", "har"], choices=list(HIDDEN))
    options.add_argument("--bits", type=int, nargs="+", default=[8, 6, 4], help="bits per weight")
    options.add_argument(
        "--folder", type=Path, default=Path("runs/nir-trained"), help="folder of all files"
    )
    options.add_argument(
        "--limit", type=float, default=1800.0, help="time limit of a training, seconds"
    )
    options.add_argument("--json", type=Path, help="write all figures to this file")
    options.add_argument("--markdown", type=Path, help="write all tables to this file")
    return options


if __name__ == "__main__":
    sys.exit(main())
