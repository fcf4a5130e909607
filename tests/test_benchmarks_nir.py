"""The benchmark of networks from other frameworks shows each loss, and trains as it says."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from benchmarks import nir_trained
from benchmarks.nir_trained import UNCALIBRATED, Result
from benchmarks.peers import nir_trained as peer
from benchmarks.programs import NIR_TRAINERS
from neurodeploy.commands import report

pytestmark = pytest.mark.usefixtures("one_torch_thread")

BAND = {"low": 1.0, "value": 2.0, "high": 3.0}


def report_of(accuracy):
    energy = {"full_speed": {"energy_per_sample_uj": {"total": BAND}}}
    return {
        "counted": {
            "score": {"accuracy": accuracy},
            "total": {"spikes_per_sample": 300.0, "synops_per_sample": 12345.0},
        },
        "estimated": {"loihi1": energy, "loihi2": energy},
    }


def result_of(variant="norse-lif", **others):
    framework = {
        "accuracy": 0.95, "sizes": [64, 32, 10], "spikes": [200.0, 50.0], "versions": {},
    }  # fmt: skip
    deployed = {"8": report_of(0.944), UNCALIBRATED: report_of(0.91), "4": report_of(0.8)}
    return Result(variant, "digits", framework, 0.95, 1.0, deployed, **others)


def test_every_program_is_a_variant_and_every_reading_parses_in_its_dialect():
    from neurodeploy.export.nir.dialects import DIALECTS

    assert set(NIR_TRAINERS) == set(peer.VARIANTS)
    assert set(nir_trained.READINGS) <= set(peer.VARIANTS)
    for variant in peer.VARIANTS:
        options = nir_trained.options_of(variant)
        read = DIALECTS[Result(variant, "digits").dialect].with_options(**options)
        for key, value in options.items():
            assert getattr(read, key) == value


def test_tables_hold_accuracies_in_percent_and_costs():
    missing = Result("norse-lifbox", "har", reasons=["does not install"])
    table = nir_trained.accuracy_table([result_of(), missing])
    assert list(table.headings[5:]) == ["8 bits", "4 bits", "8 bits, uncalibrated", "missing"]
    assert table.rows[0][2:] == ["95.0", "95.0", "100.0", "94.4", "80.0", "91.0", "-"]
    assert table.rows[1][2:] == ["-"] * 6 + ["does not install"]
    (cost,) = nir_trained.cost_table([result_of(), missing]).rows
    assert cost[2:] == ["64-32-10", "250", "300", "12,345", *["2.00 (1.00 to 3.00)"] * 2]


def test_the_largest_loss_leaves_out_approximated_resets():
    worse = result_of("rockpool-default")
    worse.deployed["8"] = report_of(0.5)
    assert nir_trained.worst_loss([result_of(), worse]) == pytest.approx(0.6)
    assert nir_trained.worst_loss([worse]) is None


def test_all_networks_are_digits_and_some_of_them_har():
    found = nir_trained.chosen("all", ["digits", "har"])
    assert len(found) == len(NIR_TRAINERS) + len(nir_trained.ON_HAR)
    assert nir_trained.chosen("norse-lifbox", ["har"]) == [("norse-lifbox", "har")]


def test_a_command_that_fails_says_why():
    with pytest.raises(nir_trained.CommandFailed, match=r"none\.net"):
        nir_trained.command(report.main, "none.net")


@pytest.mark.filterwarnings("ignore:nirtorch.extract_nir_graph:DeprecationWarning")
def test_snntorch_trains_a_network_that_the_reference_runs_spike_for_spike(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 96)
    rates = np.where((np.arange(8) < 4) == labels[:, None], 0.8, 0.1)
    spikes = (rng.random((96, 8, 12)) < rates[:, :, None]).astype(np.uint8)
    arrays = dict.fromkeys(nir_trained.PARTS, spikes)
    arrays |= {f"{part}_labels": labels for part in nir_trained.PARTS}
    np.savez(tmp_path / "tiny.npz", hidden=[24], epochs=10, batch=8, rate=5e-3, seed=0, **arrays)
    found = peer.run(tmp_path / "tiny.npz", "snntorch-synaptic")
    assert found["accuracy"] == found["validation"] == max(found["epochs"]) > 0.8
    assert found["sizes"] == [8, 24, 2]
    np.save(tmp_path / "tiny-test-spikes.npy", spikes)
    np.save(tmp_path / "tiny-test-labels.npy", labels)
    result = Result("snntorch-synaptic", "tiny", json.loads(json.dumps(found)))
    nir_trained.compare(result, tmp_path)
    assert result.same_counts == 1
    assert result.reference == found["accuracy"]


def test_best_weights_are_loaded_after_the_last_epoch(monkeypatch):
    variant = peer.VARIANTS["snntorch-leaky"]()
    torch.manual_seed(0)
    network = peer.Network(variant, [4, 3])
    seen = []

    def accuracy(network, data, part):
        seen.append([each.detach().clone() for each in network.layers.parameters()])
        return [0.5, 0.9, 0.7][len(seen) - 1]

    monkeypatch.setattr(peer, "accuracy", accuracy)
    data = {
        "train": torch.ones(5, 6, 4, dtype=torch.uint8),
        "train_labels": torch.tensor([0, 1, 2, 0, 1, 2]),
    }
    assert peer.train(network, data, epochs=3, batch=2, rate=0.1) == [0.5, 0.9, 0.7]
    for now, then in zip(network.layers.parameters(), seen[1]):
        assert torch.equal(now, then)
