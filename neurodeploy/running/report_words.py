"""What the words after `--compare` name: a backend that runs the same, or networks side by side."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Final

from neurodeploy.hw_sim.backends import BACKENDS
from neurodeploy.models.errors import InputError

OF_ONE: Final = ("spikes", "trace", "html", "plots", "raster")
"""Options that show one network, and so none of several."""


def sort_out(network: Path | None, words: Sequence[str]) -> tuple[tuple[Path, ...], str | None]:
    """Return the networks to run and the backend to compare with, if one is named.

    Names of backends are backends, all else files; `./lava` is a file of that name.

    Args:
        network: that stands before the options, if any.
        words: given to `--compare`.

    Raises:
        InputError: when the words name both, or too many or too few of one.
    """
    own = () if network is None else (network,)
    backends = [word for word in words if word in BACKENDS]
    files = [Path(word) for word in words if word not in BACKENDS]
    if backends and files:
        raise InputError(
            f"--compare takes a backend or networks, and it took {' and '.join(words)}; name the "
            "network before --compare, and one or the other after it"
        )
    if backends:
        return own, _backend(backends, own)
    networks = (*own, *files)
    if files:
        _check(networks)
    return networks, None


def _backend(backends: Sequence[str], own: Sequence[Path]) -> str:
    if len(backends) > 1:
        raise InputError(
            f"--compare names {len(backends)} backends, {', '.join(backends)}; compare with one "
            "at a time"
        )
    if not own:
        raise InputError(
            f"--compare {backends[0]} runs a network on {backends[0]} as well, and none is given; "
            "name it before --compare"
        )
    return backends[0]


def _check(networks: Sequence[Path]) -> None:
    """Raise InputError unless these are two networks or more."""
    from neurodeploy.models import files

    for path in networks:
        if path.suffix != ".net" and not files.kind(path):
            raise InputError(
                f"--compare takes netx files, or a backend ({', '.join(BACKENDS)}"
                f"), and {path} is neither; name one that is there"
            )
    if len(networks) < 2:
        raise InputError(
            f"--compare names one network, {networks[0]}; name another to put beside it"
        )
    for one, other in combinations(networks, 2):
        if files.same_file(one, other):
            same = f"{one} twice" if one == other else f"{one} and {other}, which are one file"
            raise InputError(f"--compare is given {same}; name networks that differ")


def check_options(given: Any, networks: Sequence[Path]) -> None:
    """Raise InputError where an option shows one network and several are compared."""
    for name in OF_ONE:
        value = getattr(given, name)
        if value is not None and value is not False:  # sample 0 is one, too
            raise InputError(
                f"--{name} is about one network and --compare puts {len(networks)} side by side; "
                "leave one of the two out"
            )
