"""The page on networks of any kind does what it says, with a network that lava-dl ships."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np

from neurodeploy.commands import report
from neurodeploy.data.inputs import layout

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "how-to" / "any-network.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```sh\npython -m neurodeploy\.report (.*?)\n```", PAGE)


def test_the_example_runs_as_the_page_says(run_page, capsys, shipped):
    shipped("gts/tinynet/input_bias.npy")
    names = run_page("docs/how-to/any-network.md")
    (said,) = re.findall(r"It ends with `(.*)`", PAGE)
    assert said == str(names["comparison"]) == capsys.readouterr().out.splitlines()[0]
    run_and_write, compare, draw = (shlex.split(line) for line in COMMANDS)
    assert report.main(run_and_write) == 0
    with np.load("out.npz") as spikes:
        shapes = {name: spikes[name].shape for name in spikes.files}
        input_spikes = spikes["layer_0"]
    assert shapes == {
        "layer_0": (3, 16, 16, 16), "layer_1": (24, 6, 6, 16), "layer_2": (36, 1, 1, 16),
    }  # fmt: skip
    # What lava-dl ships beside: the same after one step of zeros.
    expected = np.load(shipped("gts/tinynet/input.npy"))[0]
    assert expected.sum() > 1000
    np.testing.assert_array_equal(input_spikes[..., :15], expected[..., 1:])
    assert np.array_equal(names["activity"].spikes[0][0], input_spikes.reshape(768, 16))
    assert report.main([*compare, "--time-limit", "100"]) == 0
    assert said in capsys.readouterr().out
    assert report.main(draw) == 0
    assert "Sample 0 of the run" in Path("page.html").read_text(encoding="utf-8")
    assert {path.suffix for path in Path("figures").iterdir()} == {".png", ".svg"}


def test_the_table_of_axes_is_what_is_read():
    rows = re.findall(r"^\| (\(.*?\)) \| (\(.*) \| (\(.*) \|$", PAGE, re.MULTILINE)
    sizes = {"neurons": 12, "channel": 2, "height": 2, "width": 3, "samples": 5, "time": 9}

    def shape(text):
        return tuple(sizes[name] for name in re.findall(r"\w+", text) if name in sizes)

    assert len(rows) == 3
    for takes, *columns in rows:
        for leading, column in zip((False, True), columns):
            for text in column.split("; "):
                want = shape(takes)
                if want == (2, 3):  # two axes of as many neurons
                    want, given = (4, 3), tuple(4 if s == 2 else s for s in shape(text))
                else:
                    given = shape(text.removesuffix(" of as many values"))
                found = layout(given, want)
                assert found is not None, (takes, text)
                assert found.leading == leading
