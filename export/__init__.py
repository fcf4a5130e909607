"""Other formats of the integer network.

hdf5         checked access to HDF5 files from outside
netx         writes and reads lava-dl's HDF5 files; netx_read: the layers of such a file
rules        networks that lava-dl's netx does not load correctly
lava_graph   builds a Lava process graph
nir/         NIR graphs in and out, and what frameworks mean by them
__main__     the command `python -m neurodeploy.export`
"""

from __future__ import annotations

if __name__ != "neurodeploy.export":
    raise ImportError(f"{__name__!r} is a folder of neurodeploy; import neurodeploy.export instead")
