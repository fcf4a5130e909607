"""neurodeploy: deploy spiking networks to Intel's Loihi through Lava, and estimate their cost.

    import neurodeploy as nd

    task = nd.task("har")                            # .train .validation .test
    run = nd.fit(task, nd.TrainConfig(epochs=16))    # .model .history .plot()
    network = nd.quantize(run.model)                 # integers, as on the chip
    print(nd.check_equivalence(run.model, network, task.test))
    report = nd.evaluate(network, task.test)         # accuracy, spikes, energy, latency
    nd.save(network, "har.net")
    report.save("report.html")

Each name is imported when it is first used, so `import neurodeploy` is fast. Training, quantizing
and Lava need the extra `lava`, `optimize` the extra `explore` too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from neurodeploy.models.display import HTML as _HTML
from neurodeploy.models.display import SAVE as _SAVE

if TYPE_CHECKING:
    from importlib import metadata

    from neurodeploy.config import TrainConfig
    from neurodeploy.data import names as task_names
    from neurodeploy.data.inputs import load_input
    from neurodeploy.data.samples import Samples
    from neurodeploy.data.task_data import TaskData, task_from_arrays, task_from_input
    from neurodeploy.data.task_data import load_task as task
    from neurodeploy.evaluation.calibration import Calibration
    from neurodeploy.evaluation.comparison import Comparison, check_equivalence, compare
    from neurodeploy.evaluation.files import load, load_model, save
    from neurodeploy.evaluation.nir import NirImport, from_nir, from_torch, import_nir
    from neurodeploy.evaluation.simulation import simulate
    from neurodeploy.explore.results import SearchResult
    from neurodeploy.explore.study import optimize
    from neurodeploy.export.lava_graph import build as to_lava
    from neurodeploy.export.nir.writing import to_nir
    from neurodeploy.hw_sim.activity import Activity
    from neurodeploy.hw_sim.chips import read_chip_file as load_chip
    from neurodeploy.hw_sim.estimated import estimate
    from neurodeploy.hw_sim.placement import Placement, place
    from neurodeploy.hw_sim.streaming import Stream
    from neurodeploy.models.dequantize import to_slayer
    from neurodeploy.models.errors import BackendError, DesignRuleError, InputError
    from neurodeploy.models.graph import Connection, Population
    from neurodeploy.models.layers import ConvLayer, DenseLayer, InputLayer, RecurrentLayer
    from neurodeploy.models.network import QuantizedNetwork, TaskDescription
    from neurodeploy.models.neurons import CubaLif
    from neurodeploy.models.quantize import quantize
    from neurodeploy.models.synapses import Conv, Dense, Drive
    from neurodeploy.predict.predicting import Decision, predictions
    from neurodeploy.progress import progress_bar
    from neurodeploy.report.evaluate import check_rules, compare_networks, evaluate
    from neurodeploy.report.report import Report
    from neurodeploy.train.fit import TrainedRun, fit

    __version__ = metadata.version("neurodeploy")

__all__ = [
    "Activity", "BackendError", "Calibration", "Comparison", "Connection", "Conv", "ConvLayer",
    "CubaLif", "Decision", "Dense", "DenseLayer", "DesignRuleError", "Drive", "InputError",
    "InputLayer", "NirImport", "Placement", "Population", "QuantizedNetwork", "RecurrentLayer",
    "Report", "Samples", "SearchResult", "Stream", "TaskData", "TaskDescription", "TrainConfig",
    "TrainedRun", "check_equivalence", "check_rules", "compare", "compare_networks", "estimate",
    "evaluate", "fit", "from_nir", "from_torch", "import_nir", "load", "load_chip", "load_input",
    "load_model", "optimize", "place", "predictions", "progress_bar", "quantize", "save",
    "simulate", "task", "task_from_arrays", "task_from_input", "task_names", "to_lava", "to_nir",
    "to_slayer",
]  # fmt: skip

_HOMES: Final = {
    "models.dequantize": ("to_slayer",),
    "models.errors": ("BackendError", "DesignRuleError", "InputError"),
    "models.graph": ("Connection", "Population"),
    "models.synapses": ("Conv", "Dense", "Drive"),
    "models.layers": ("ConvLayer", "DenseLayer", "InputLayer", "RecurrentLayer"),
    "models.network": ("QuantizedNetwork", "TaskDescription"),
    "models.neurons": ("CubaLif",),
    "models.quantize": ("quantize",),
    "export.lava_graph": {"to_lava": "build"},
    "export.nir.writing": ("to_nir",),
    "hw_sim.activity": ("Activity",),
    "hw_sim.chips": {"load_chip": "read_chip_file"},
    "hw_sim.placement": ("Placement", "place"),
    "hw_sim.estimated": ("estimate",),
    "hw_sim.streaming": ("Stream",),
    "progress": ("progress_bar",),
    "config": ("TrainConfig",),
    "data.inputs": ("load_input",),
    "data.samples": ("Samples",),
    "data": {"task_names": "names"},
    "data.task_data": {
        "TaskData": "TaskData",
        "task": "load_task",
        "task_from_arrays": "task_from_arrays",
        "task_from_input": "task_from_input",
    },
    "train.fit": ("TrainedRun", "fit"),
    "evaluation.files": ("load", "load_model", "save"),
    "evaluation.nir": ("NirImport", "from_nir", "from_torch", "import_nir"),
    "evaluation.calibration": ("Calibration",),
    "evaluation.comparison": ("Comparison", "check_equivalence", "compare"),
    "evaluation.simulation": ("simulate",),
    "report.evaluate": ("check_rules", "compare_networks", "evaluate"),
    "report.report": ("Report",),
    "explore.results": ("SearchResult",),
    "explore.study": ("optimize",),
    "predict.predicting": ("Decision", "predictions"),
}
"""Public names by module; a dict maps a public name to another name in the module."""

_NEED_EXTRAS: Final = {
    "to_lava": ("the Lava process graph", "lava.proc"),
    "to_slayer": ("a SLAYER network", "torch", "lava.lib.dl.slayer"),
    "fit": ("training", "torch", "lava.lib.dl.slayer"),
    "optimize": ("a search", "optuna", "torch", "lava.lib.dl.slayer"),
    "TrainedRun": ("training", "torch", "lava.lib.dl.slayer"),
}

_HTML.update(
    {
        kind: f"neurodeploy.report.notebook:{function}"
        for kind, function in (
            ("QuantizedNetwork", "network_html"),
            ("Placement", "placement_html"),
            ("Chip", "chip_html"),
            ("Activity", "activity_html"),
            ("Estimated", "estimated_html"),
            ("Report", "report_html"),
            ("Calibration", "calibration_html"),
            ("Comparison", "comparison_html"),
            ("NirImport", "nir_html"),
            ("SideBySide", "networks_html"),
            ("TaskData", "data_html"),
            ("TrainedRun", "run_html"),
        )
    }
)


_HTML["SearchResult"] = "neurodeploy.explore.page:search_html"
_SAVE[:] = ["neurodeploy.evaluation.files:save"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata

        return metadata.version("neurodeploy")
    for home, names in _HOMES.items():
        if name in names:
            own_name = names[name] if isinstance(names, dict) else name
            globals()[name] = value = _import(name, home, own_name)
            return value
    raise AttributeError(f"module 'neurodeploy' has no attribute {name!r}")


def _import(name: str, home: str, own_name: str) -> Any:
    """Import a public name.

    If it needs an extra that is not installed, return a function that raises
    MissingPackageError, so that `hasattr` and `from neurodeploy import *` still work.
    """
    from neurodeploy.models.errors import MissingPackageError, require

    try:
        if name in _NEED_EXTRAS:
            require(*_NEED_EXTRAS[name])
        return getattr(import_module(f"neurodeploy.{home}"), own_name)
    except MissingPackageError as error:
        missing = error

        def refuse(*_: Any, **__: Any) -> Any:
            raise missing

        return refuse


def __dir__() -> list[str]:
    return [*globals(), *__all__, "__version__"]
