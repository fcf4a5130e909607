"""The integer network in other people's formats.

netx         lava-dl's HDF5 files; netx_read reads their layers
rules        what lava-dl's netx gets wrong about a network
lava_graph   Lava's process graph; lava_order its order of axes
lava_models  Lava's models on a CPU, with the reset that they lack
__main__     the command `python -m neurodeploy.export`
"""

from __future__ import annotations

if __name__ != "neurodeploy.export":
    raise ImportError(f"{__name__!r} is a folder of neurodeploy; import neurodeploy.export instead")
