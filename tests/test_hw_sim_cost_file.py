"""Cost files: every fault is one sentence with the file, the row, the value and the way out."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from neurodeploy.hw_sim import chips
from neurodeploy.hw_sim.chips import CHIPS, GRADES, choose, read_chip, read_chip_file
from neurodeploy.models.errors import InputError

LOIHI1 = json.loads(
    (resources.files("neurodeploy.hw_sim.chips") / "costs" / "loihi1.json").read_text("utf-8")
)
WAY_OUT = "give a cost file, as docs/cost-files.md describes"
DELETE = object()
ENERGY, CORES = ("costs", "spike_message_energy"), ("limits", "neurons_per_core")
GRADE_LIST = ", ".join(GRADES)
ROW_KEYS = "value, source, grade, unit, set, alternatives"


def changed(*keys: Any, to: Any) -> str:
    """Return the cost file of Loihi 1, called mine, with one value changed, added or deleted."""
    data = copy.deepcopy({**LOIHI1, "name": "mine"})
    place: Any = data
    for key in keys[:-1]:
        place = place[key]
    if to is DELETE:
        del place[keys[-1]]
    else:
        place[keys[-1]] = to
    return json.dumps(data)


def said(text: str) -> str:
    with pytest.raises(InputError) as error:
        read_chip(text, "my.json")
    message = str(error.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


FAULTS = [  # keys, new value, the sentence after the file's name
    # The file as a whole
    (("name",), DELETE, " has no 'name'; add it, as docs/cost-files.md describes"),
    (("barrier",), DELETE, " has no 'barrier'; add it, as docs/cost-files.md describes"),
    (("colour",), "red", ' has the unknown key "colour"; use the keys name, title, '
                         "caveats, limits, costs, barrier"),
    (("name",), "my chip", ": name is \"my chip\"; give 1 to 40 letters, digits, '.', '_' or '-'"),
    (("name",), "", ': name is ""; give 1 to 1000 printable characters'),
    (("name",), "../x", ": name is \"../x\"; give 1 to 40 letters, digits, '.', '_' or '-'"),
    (("title",), 7, ": title is 7; give 1 to 1000 printable characters"),
    (("title",), "a\x1b[31mb", ': title is "a\\u001b[31mb"; give 1 to 1000 printable characters'),
    (("title",), "\ud800", ': title is "\\ud800"; give 1 to 1000 printable characters'),
    (("caveats",), "none", ': caveats is "none"; give a list of sentences, [] for none'),
    (("caveats",), ["a", None], ": caveats[1] is null; give 1 to 1000 printable characters"),
    (("limits",), [], ": limits is []; give an object with the keys in docs/cost-files.md"),
    # Rows that are missing, unknown or no rows
    ((*CORES,), DELETE, ": limits has no 'neurons_per_core'; add it, as docs/cost-files.md "
                        "describes"),
    ((*ENERGY,), DELETE, ": costs has no 'spike_message_energy'; add it, as docs/cost-files.md "
                         "describes"),
    ((*ENERGY,), 1.7, ": costs.spike_message_energy is 1.7; give an object with the keys "
                      + ROW_KEYS),
    ((*ENERGY,), {}, ": costs.spike_message_energy has no 'value'; add it, as "
                     "docs/cost-files.md describes"),
    ((*ENERGY, "low"), 1, ': costs.spike_message_energy has the unknown key "low"; use the keys '
                          + ROW_KEYS),
    (("limits", "colour"), {}, ': limits has the unknown key "colour"; use the keys in '
                                "docs/cost-files.md"),
    (("limits", "neuron_per_core"), {}, ': limits has the unknown key "neuron_per_core"; write '
                                        "'neurons_per_core'"),
    (("costs", "delay_max"), {}, ': costs has the unknown key "delay_max"; use the keys in '
                                 "docs/cost-files.md"),
    (("barrier", "1", "sources"), "x", ": barrier.1 has the unknown key \"sources\"; write "
                                       "'source'"),
    # Values
    ((*CORES, "value"), -1, ": limits.neurons_per_core has the value -1; give a whole number from "
                            "1 to 1,000,000,000"),
    ((*CORES, "value"), 0, ": limits.neurons_per_core has the value 0; give a whole number from "
                           "1 to 1,000,000,000"),
    ((*CORES, "value"), 1.5, ": limits.neurons_per_core has the value 1.5; give a whole number "
                             "from 1 to 1,000,000,000"),
    ((*CORES, "value"), True, ": limits.neurons_per_core has the value true; give a whole number "
                              "from 1 to 1,000,000,000"),
    ((*CORES, "value"), "1024", ': limits.neurons_per_core has the value "1024"; give a whole '
                                "number from 1 to 1,000,000,000"),
    ((*CORES, "value"), None, ": limits.neurons_per_core has the value null; give a whole number "
                              "from 1 to 1,000,000,000"),
    ((*CORES, "value"), 10**29, f": limits.neurons_per_core has the value {10**29}; give a whole "
                                "number from 1 to 1,000,000,000"),
    ((*CORES, "value"), [1], ": limits.neurons_per_core has the value a list; give a whole number "
                             "from 1 to 1,000,000,000"),
    ((*ENERGY, "value"), -0.1, ": costs.spike_message_energy has the value -0.1; give a number "
                               "from 0 to 1,000,000,000,000"),
    ((*ENERGY, "value"), float("nan"), ": costs.spike_message_energy has the value NaN; give a "
                                       "number from 0 to 1,000,000,000,000"),
    ((*ENERGY, "value"), float("inf"), ": costs.spike_message_energy has the value Infinity; give "
                                       "a number from 0 to 1,000,000,000,000"),
    ((*ENERGY, "value"), 1e300, ": costs.spike_message_energy has the value 1e+300; give a number "
                                "from 0 to 1,000,000,000,000"),
    # Units, sources, grades, sets
    ((*ENERGY, "unit"), "nJ", ': costs.spike_message_energy has the unit "nJ"; give it in pJ'),
    ((*ENERGY, "unit"), "ns", ': costs.spike_message_energy has the unit "ns"; give it in pJ'),
    (("costs", "hop_east_west_time", "unit"), "ms",
     ': costs.hop_east_west_time has the unit "ms"; give it in ns or us'),
    ((*CORES, "unit"), "cores", ': limits.neurons_per_core has the unit "cores"; give it in '
                                "neurons"),
    ((*CORES, "unit"), ["neurons"], ": limits.neurons_per_core has the unit a list; give it in "
                                    "neurons"),
    ((*ENERGY, "source"), "", ': costs.spike_message_energy.source is ""; give 1 to 1000 '
                              "printable characters"),
    ((*ENERGY, "source"), " ", ': costs.spike_message_energy.source is " "; give 1 to 1000 '
                               "printable characters"),
    ((*ENERGY, "source"), DELETE, ": costs.spike_message_energy has no 'source'; add it, as "
                                  "docs/cost-files.md describes"),
    ((*ENERGY, "source"), "x" * 1001, ': costs.spike_message_energy.source is "' + "x" * 56
                                      + "...; give 1 to 1000 printable characters"),
    ((*ENERGY, "grade"), "certain", ': costs.spike_message_energy has the grade "certain"; give '
                                     f"one of {GRADE_LIST}"),
    ((*ENERGY, "grade"), {}, f": costs.spike_message_energy has the grade {{}}; give one of "
                             f"{GRADE_LIST}"),
    ((*ENERGY, "set"), "", ': costs.spike_message_energy.set is ""; give 1 to 1000 printable '
                           "characters"),
    ((*ENERGY, "set"), "SANA-FE", ': costs.spike_message_energy has two values of the set '
                                  '"SANA-FE"; a set has one; leave one'),
    # Alternatives
    ((*ENERGY, "alternatives"), 3, ": costs.spike_message_energy has the alternatives 3; give a "
                                   "list of objects"),
    ((*ENERGY, "alternatives"), [3], ": costs.spike_message_energy.alternatives[0] is 3; give an "
                                     "object with the keys value, source, grade, set"),
    ((*ENERGY, "alternatives", 0, "value"), -3, ": costs.spike_message_energy.alternatives[0] has "
                                                "the value -3; give a number from 0 to "
                                                "1,000,000,000,000"),
    ((*ENERGY, "alternatives", 0, "grade"), "?", ": costs.spike_message_energy.alternatives[0] has "
                                                 f'the grade "?"; give one of {GRADE_LIST}'),
    ((*ENERGY, "alternatives", 0, "source"), DELETE,
     ": costs.spike_message_energy.alternatives[0] has no 'source'; add it, as docs/cost-files.md "
     "describes"),
    ((*ENERGY, "alternatives", 0, "unit"), "pJ",
     ': costs.spike_message_energy.alternatives[0] has the unknown key "unit"; use the keys value, '
     "source, grade, set"),
    # The barrier
    (("barrier",), {}, ": barrier is {}; give an object with a row for a number of tiles at least"),
    (("barrier",), [], ": barrier is []; give an object with a row for a number of tiles at least"),
    (("barrier", "0"), {}, ': barrier has a row for "0" tiles; give a whole number from 1 to '
                           "1,000,000,000 in digits alone"),
    (("barrier", "01"), {}, ': barrier has a row for "01" tiles; give a whole number from 1 to '
                            "1,000,000,000 in digits alone"),
    (("barrier", "²"), {}, ': barrier has a row for "\\u00b2" tiles; give a whole number from 1 to '
                           "1,000,000,000 in digits alone"),
    (("barrier", "9" * 10), {}, ': barrier has a row for "9999999999" tiles; give a whole number '
                                "from 1 to 1,000,000,000 in digits alone"),
    (("barrier", "1", "value"), 0, ": barrier.1 has the value 0; give a number from 1e-06 to "
                                   "1,000,000,000,000"),
    (("barrier", "1", "unit"), "pJ", ': barrier.1 has the unit "pJ"; give it in ns or us'),
    # Limits that contradict one another
    (("limits", "cores_per_chip", "value"), 129,
     ": limits.cores_per_chip is 129 and the tiles have 4 x 8 x 4 = 128; make the two fit"),
    (("limits", "weight_bits_small_max", "value"), 9,
     ": limits.weight_bits_small_max is 9 and weight_bits_max 8; give the smaller number of bits "
     "first"),
    (("limits", "population_axon_entries"), DELETE,
     ": limits has 'output_axons_per_core' and no 'population_axon_entries'; give both or neither"),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "value", "sentence"), FAULTS)
def test_a_fault_is_one_sentence_with_row_value_and_way_out(keys, value, sentence):
    assert said(changed(*keys, to=value)) == f"my.json{sentence}"


@pytest.mark.parametrize("section", ["limits", "costs"])
@pytest.mark.parametrize("change", [-1, "1", None, True, float("nan"), float("-inf"), 1e999])
def test_no_row_takes_a_value_that_is_no_number_of_its_range(section, change):
    rules = {**chips.LIMITS, **chips.COSTS}
    for name in LOIHI1[section]:
        if not (change == -1 and rules[name].low < 0):
            message = said(changed(section, name, "value", to=change))
            assert message.startswith(f"my.json: {section}.{name} has the value ")


@pytest.mark.parametrize("name", chips.COSTS)
def test_every_cost_is_required(name):
    assert said(changed("costs", name, to=DELETE)).startswith(f"my.json: costs has no '{name}'")


@pytest.mark.parametrize(("name", "rule"), chips.LIMITS.items())
def test_a_limit_is_required_or_may_be_left_out(name, rule):
    text = changed("limits", name, to=DELETE)
    if rule.required or name == "population_axon_entries":
        assert name in said(text)
    else:
        assert name not in read_chip(text, "my.json").limits


def test_a_number_of_ten_thousand_digits_is_out_of_range():
    text = changed(*CORES, "value", to="HERE").replace('"HERE"', "9" * 10_000)
    assert said(text) == (
        "my.json: limits.neurons_per_core has the value Infinity; give a whole number from 1 to "
        "1,000,000,000"
    )


def test_whole_numbers_may_be_written_as_floats_and_costs_as_whole_numbers():
    assert read_chip(changed(*CORES, "value", to=512.0)).limit("neurons_per_core") == 512
    assert read_chip(changed(*ENERGY, "value", to=2)).cost("spike_message_energy").value == 2e-12


# The text of a file


def test_a_key_that_is_given_twice_is_refused_wherever_it_is():
    text = changed("title", to="A")
    assert said(text.replace("{", '{"name": "other", ', 1)) == (
        'my.json has "name" twice; leave one of them'
    )
    row = changed(*CORES, "value", to=12345678)
    assert said(row.replace('"value": 12345678', '"value": 5, "value": 6')) == (
        'my.json: limits.neurons_per_core has "value" twice; leave one of them'
    )
    tiles = changed("barrier", "7", to=LOIHI1["barrier"]["1"]).replace('"7": ', '"29": ')
    assert said(tiles) == 'my.json: barrier has "29" twice; leave one of them'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", " is no JSON (Expecting value, line 1, column 1); correct it there"),
        ("{\n'a': 1}", " is no JSON (Expecting property name enclosed in double quotes, line 2, "
                       "column 1); correct it there"),
        ("[" * 200_000, f" is nested too deeply; {WAY_OUT}"),
        ("[]", " is []; give an object with the keys name, title, caveats, limits, costs, barrier"),
        ("null", " is null; give an object with the keys name, title, caveats, limits, costs, "
                 "barrier"),
        ("NaN", " is NaN; give an object with the keys name, title, caveats, limits, costs, "
                "barrier"),
    ],
)  # fmt: skip
def test_text_that_is_no_cost_file_is_refused(text, sentence):
    assert said(text) == f"my.json{sentence}"


def refused(path: Path) -> str:
    with pytest.raises(InputError) as error:
        read_chip_file(path)
    return str(error.value)


def test_a_path_without_a_file_a_folder_and_a_pipe_are_refused(tmp_path):
    assert refused(tmp_path / "no.json") == f"{tmp_path / 'no.json'} does not exist; {WAY_OUT}"
    assert refused(tmp_path) == f"{tmp_path} is a folder; {WAY_OUT}"
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path / "pipe") == f"{tmp_path / 'pipe'} is no regular file; {WAY_OUT}"
    assert refused(Path("/dev/zero")) == f"/dev/zero is no regular file; {WAY_OUT}"
    assert "cannot be read (File name too long)" in refused(tmp_path / ("x" * 300))


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text("{}")

    def open_(*_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", open_)
    assert refused(path) == f"{path} cannot be read (Permission denied); {WAY_OUT}"


def test_a_binary_file_is_refused(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b'{"a": "\xff\xfe')
    assert refused(path) == f"{path} is no text in UTF-8 (byte 7); {WAY_OUT}"


def test_a_huge_file_is_refused_before_all_of_it_is_read(tmp_path):
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.truncate(100 * 2**20)
    assert refused(path) == f"{path} has more than 1,000,000 bytes; {WAY_OUT}"


def test_a_file_may_begin_with_a_byte_order_mark_and_end_lines_as_windows_does(tmp_path):
    path = tmp_path / "a.json"
    content = b"\xef\xbb\xbf" + changed("title", to="My chip").encode() + b"\r\n"
    path.write_bytes(content)
    made = read_chip_file(path)
    assert made.title == "My chip"
    assert made.digest == hashlib.sha256(content).hexdigest()


# Which chips are taken


@pytest.fixture
def mine(tmp_path) -> Path:
    path = tmp_path / "mine.json"
    path.write_text(changed("title", to="My chip"))
    return path


def names(*args: Any) -> list[str]:
    return [each.name for each in choose(*args)]


def test_without_names_and_files_every_installed_chip_is_taken():
    assert names() == list(CHIPS)


def test_with_a_file_only_its_chip_and_those_named_are_taken(mine):
    assert names((), [mine]) == ["mine"]
    assert names(["loihi2"], [mine]) == ["loihi2", "mine"]
    assert names(["loihi2", "loihi1", "loihi2"]) == ["loihi1", "loihi2"]


def test_a_chip_of_a_file_may_not_be_called_as_an_installed_one(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(changed("name", to="loihi2"))
    with pytest.raises(InputError) as error:
        choose((), [path])
    assert str(error.value) == (
        f"{path} calls its chip 'loihi2', which is the name of an installed chip; give it a name "
        "of its own"
    )


def test_chips_of_two_files_may_not_be_called_the_same(mine):
    copy = mine.with_name("copy.json")
    copy.write_text(mine.read_text())
    with pytest.raises(InputError) as error:
        choose((), [mine, copy])
    assert str(error.value) == (
        f"{copy} calls its chip 'mine', which is the name of the chip in {mine}; give it a name of "
        "its own"
    )


@pytest.mark.parametrize("again", ["same", "another way", "link"])
def test_a_file_that_is_given_twice_is_said_to_be(mine, again):
    link = mine.with_name("link.json")
    link.symlink_to(mine)
    way = mine.parent / ".." / mine.parent.name / mine.name
    second = {"same": mine, "another way": way, "link": link}[again]
    with pytest.raises(InputError) as error:
        choose((), [mine, second])
    assert str(error.value) == f"{second} is given twice; give each cost file once"
