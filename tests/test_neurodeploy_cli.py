"""What the commands share: how they end, what goes where, and what a terminal shows."""

from __future__ import annotations

import functools
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from neurodeploy import __main__ as listing
from neurodeploy.commands import cli, train
from neurodeploy.commands.explore import OBJECTIVES
from neurodeploy.data import TASKS
from neurodeploy.hw_sim.backends import BACKENDS
from neurodeploy.hw_sim.chips import CHIPS
from neurodeploy.models.errors import BackendError, InputError

ROOT = Path(__file__).parent.parent
COMMANDS = tuple(listing.COMMANDS)
CHOICES: dict[str, tuple[str, ...]] = {
    "train": tuple(TASKS),
    "deploy": tuple(TASKS),
    "export": tuple(CHIPS),
    "report": (*CHIPS, *BACKENDS),
    "predict": (*CHIPS, *BACKENDS),
    "explore": (*TASKS, *CHIPS, *OBJECTIVES),
    "data": tuple(TASKS),
}


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, with this project found as an installed one is."""
    return subprocess.run(
        [sys.executable, *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


# Options


@pytest.mark.parametrize("name", COMMANDS)
def test_help_lists_the_choices_of_the_registries(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        listing.main([name, *["--help"]])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert f"python -m neurodeploy.{name}" in shown
    assert all(choice in shown for choice in CHOICES[name])
    assert "None" not in shown
    more = ("[{", "[N ...]", "[NAME ...]", "[WITH ...]", "[FOLDER]")
    described = shown.split("options:")[1]
    assert "[" not in functools.reduce(lambda text, part: text.replace(part, ""), more, described)


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("train", ["--task", "chess"], "argument --task: invalid choice: 'chess'"),
        ("report", ["n", "--backend", "gpu"], "argument --backend: invalid choice: 'gpu'"),
        ("report", ["n", "--chip", "loihi3"], "argument --chip: invalid choice: 'loihi3'"),
        ("export", ["m", "--chip", "loihi3"], "argument --chip: invalid choice: 'loihi3'"),
        ("train", ["--epochs", "0"], "'0' is not an integer from 1 to 2147483647"),
        ("train", ["--seed", "1.5"], "'1.5' is not an integer from 0 to"),
        ("train", ["--batch", "²"], "'²' is not an integer from 1"),
        ("train", ["--learning-rate", "0"], "'0' is not a number above 0"),
        ("train", ["--learning-rate", "nan"], "'nan' is not a number above 0"),
        ("train", ["--epoch", "3"], "unrecognized arguments: --epoch 3"),
        ("export", [], "the following arguments are required: model.pt"),
    ],
)
def test_a_value_that_is_no_choice_is_named_and_ends_with_2(
    name: str, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        listing.main([name, *words])
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err


def test_the_same_option_means_the_same_everywhere() -> None:
    def helps(name: str) -> dict[str, str | None]:
        module = listing.module(name)
        options = cli.parser(name, "")
        module.add_options(options)
        return {o: a.help for a in options._actions for o in a.option_strings}

    train_helps, export_helps, report_helps = helps("train"), helps("export"), helps("report")
    for option in ("--data", "--threads"):
        assert train_helps[option] == export_helps[option] == report_helps[option]
    assert export_helps["--costs"] == report_helps["--costs"]


# How commands end


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (InputError("a is 3; give 2"), 2, "error: a is 3; give 2\n"),
        (BackendError("no chip; run on fast"), 2, "error: no chip; run on fast\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (KeyboardInterrupt("continue with --resume"), 130, "interrupted; continue with --resume\n"),
    ],
)
def test_errors_raised_on_purpose_are_one_sentence_and_an_exit_code(
    raised: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @cli.command
    def main(argv: Sequence[str] | None = None) -> int:
        raise raised

    assert main([]) == code
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", said)


def test_commands_are_there_to_hear_ctrl_c_before_what_takes_long_to_import() -> None:
    code = (
        f"import sys, {', '.join(f'neurodeploy.{name}' for name in COMMANDS)}\n"
        "print([n for n in ('numpy', 'numba', 'torch', 'h5py', 'rich') if n in sys.modules])"
    )
    ran = run("-c", code, cwd=ROOT)
    assert (ran.stdout, ran.stderr) == ("[]\n", "")


def test_the_next_command_can_be_pasted_into_a_shell() -> None:
    assert cli.next_command("export", Path("a b/model.pt"), data=Path("UCI HAR")) == (
        "python -m neurodeploy.export 'a b/model.pt' --data 'UCI HAR'"
    )
    assert cli.next_command("train", "--help") == "python -m neurodeploy.train --help"


def test_json_is_one_object_without_numbers_that_json_lacks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cli.print_json({"a": [1, 2.5]})
    assert json.loads(capsys.readouterr().out) == {"a": [1, 2.5]}
    with pytest.raises(ValueError, match="Out of range float"):
        cli.print_json({"a": float("nan")})


def test_more_threads_than_processor_cores_are_as_many_as_there_are() -> None:
    import torch

    before = torch.get_num_threads()
    try:
        cli.use_threads(10**9)
        assert torch.get_num_threads() <= (os.cpu_count() or 1)
        cli.use_threads(1)
        assert torch.get_num_threads() == 1
        cli.use_threads(None)
        assert torch.get_num_threads() == 1
    finally:
        cli.use_threads(before)


# What a terminal shows

SHOW_PROGRESS = """
import time
from neurodeploy.commands import cli, train
with cli.status("reading"):
    time.sleep(0.1)
with cli.progress("counting") as advance:
    for done in range(5, 8):
        advance(done, 8)
        time.sleep(0.12)
print("result")
"""


def test_progress_shows_on_a_terminal_and_only_on_stderr() -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", SHOW_PROGRESS],
        stdout=subprocess.PIPE,
        stderr=theirs,
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
    ) as child:
        os.close(theirs)
        out = child.communicate(timeout=600)[0]
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert out == b"result\n"
    assert "reading ..." in shown
    assert "counting" in shown
    assert "elapsed" in shown
    assert "88%" in shown


def test_progress_shows_nothing_where_there_is_no_terminal() -> None:
    ran = run("-c", SHOW_PROGRESS, cwd=ROOT)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "result\n", "")


# The list of commands, and the folder that a command is run in


def test_the_package_lists_its_commands(tmp_path: Path) -> None:
    ran = run("-m", "neurodeploy", cwd=tmp_path)
    assert ran.returncode == 0
    assert ran.stderr == ""
    for name, text in listing.COMMANDS.items():
        assert f"  {name:8}{text}" in ran.stdout


def test_an_unknown_command_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert listing.main(["fly"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "error: there is no command 'fly'; the commands are deploy, train, export, explore, "
        "report, predict, data\n"
    )


def test_the_package_runs_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert listing.main(["report", "nothing.net"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: nothing.net")
    assert "does not exist; give the path of a .net file\n" in said


def test_a_folder_of_the_same_name_does_no_harm(tmp_path: Path) -> None:
    for name in ("models", "export", "hw_sim"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('not ours')")
    assert run("-m", "neurodeploy.train", "--help", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("name", ["models", "export", "hw_sim"])
def test_a_folder_imported_from_the_root_is_refused(name: str) -> None:
    ran = run("-c", f"import {name}", cwd=ROOT)
    assert ran.returncode == 1
    assert f"import neurodeploy.{name} instead" in ran.stderr


# Ctrl-C


def test_ctrl_c_keeps_the_epochs_done_and_resume_goes_on(
    uci_har_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    words = ["--data", str(uci_har_folder), "--out", str(out), "--hidden", "4", "--batch", "2"]
    words += ["--epochs", "15", "--threads", "1"]
    with subprocess.Popen(
        [sys.executable, "-m", "neurodeploy.train", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    ) as child:
        assert child.stderr is not None
        deadline = time.monotonic() + 600
        for line in child.stderr:
            if line.startswith("epoch  2") or time.monotonic() > deadline:
                break
        os.killpg(child.pid, signal.SIGINT)
        stdout, stderr = child.communicate(timeout=600)
    assert child.returncode == 130
    assert stdout == ""
    last = stderr.splitlines()[-1]
    assert last.startswith(f"interrupted; {out} holds the run up to epoch ")
    assert last.endswith("; continue with --resume")
    assert "Traceback" not in stderr
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)  # nobody of its group is left
    done = len((out / "history.jsonl").read_text().splitlines())
    assert 2 <= done < 15
    assert (out / "history.png").exists()
    assert train.main([*words, "--resume"]) == 0
    assert f"15 epochs ({done} done)" in capsys.readouterr().err
    assert len((out / "history.jsonl").read_text().splitlines()) == 15


def test_ctrl_c_before_the_first_epoch_says_that_nothing_was_written(
    uci_har_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from neurodeploy.train import training

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "epoch_parts", interrupted)
    words = ["--data", str(uci_har_folder), "--out", str(tmp_path / "run"), "--batch", "4"]
    assert train.main(words) == 130
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == "interrupted; no epoch was finished, so nothing was written"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("words", [("nope",), ("train", "extra"), ("train", "--epochs", "3")])
def test_help_refuses_what_is_no_command(capsys, words):
    from neurodeploy.__main__ import main

    assert main(["help", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words[-1] in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(("word", "hinted"), [("b.net", True), ("--colour", False)])
def test_a_second_network_without_compare_is_told_of_it(capsys, word, hinted):
    from neurodeploy.commands import report

    with pytest.raises(SystemExit) as ended:
        report.main(["a.net", word])
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert f"unrecognized arguments: {word}" in err
    assert ("--compare" in err) == hinted
