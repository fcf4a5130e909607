"""The integer network in other people's formats.

netx         write lava-dl's HDF5 files; netx_read reads their layers
rules        what lava-dl's netx gets wrong about a network
lava_graph   build a Lava process graph
__main__     the command `python -m neurodeploy.export`
"""

from __future__ import annotations

if __name__ != "neurodeploy.export":
    raise ImportError(f"{__name__!r} is a folder of neurodeploy; import neurodeploy.export instead")
