"""Old names of fields in files of earlier releases.

Every released format stays readable: a reader passes its data through `renamed` before any check.
Add a row here when a name in a file changes; never remove one.
`tests/released/` holds files of each release.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from neurodeploy.models.errors import InputError

Format: TypeAlias = Literal["network", "task", "run", "budget"]

OLD_NAMES: Final[Mapping[Format, Mapping[str, str]]] = MappingProxyType(
    {
        # network JSON, and the architecture in a checkpoint
        "network": {
            "connections": "density",
            "kernel": "kernel_size",
            "longest_delay": "max_delay",
            "longest_start": "delay_init_max",
        },
        # the task that a network was trained for, in a checkpoint and a .net file
        "task": {"steps": "num_steps"},
        # resume.pt and history.jsonl, except for the architecture
        "run": {
            "batch": "batch_size",
            "count_scale": "logit_scale",
            "gradient_limit": "max_grad_norm",
            "recipe": "config",
            "processes": "world_size",
            "thrift": "budget_pruner",
            "spent": "cost",
        },
        # the state of a budget's pruner in resume.pt
        "budget": {
            "price": "value",
            "unlimited": "initial_cost",
            "pressed": "was_active",
            "saved": "log_saved",
            "seen": "num_seen",
            "steps": "num_steps",
            "alive": "masks",
            "matter": "saliency",
        },
    }
)
"""Old name -> new name, for each format."""


def renamed(values: Any, *formats: Format, where: str = "") -> Any:
    """Replace old names by current ones in the keys of all dicts in plain data.

    The parameters of an encoder are not renamed.

    Args:
        values: nested dicts and lists; other values are returned unchanged.
        formats: keys of `OLD_NAMES` whose names apply.
        where: how messages name the data, such as the path of a file.

    Raises:
        InputError: when a dict has both an old name and its new name, or the data are nested too
            deeply.
    """
    names = {old: new for each in formats for old, new in OLD_NAMES[each].items()}
    try:
        return _renamed(values, names, f"{where}: " if where else "")
    except RecursionError:
        raise InputError(f"{where or 'it'} is nested too deeply; write it again") from None


def _renamed(values: Any, names: Mapping[str, str], where: str) -> Any:
    if isinstance(values, list):
        return [_renamed(each, names, where) for each in values]
    if not isinstance(values, dict):
        return values
    for old, new in names.items():
        if old in values and new in values:
            raise InputError(f"{where}{old!r} is the old name of {new!r}; leave {old!r} out")
    return {
        names.get(key, key): each if key == "encoder" else _renamed(each, names, where)
        for key, each in values.items()
    }
