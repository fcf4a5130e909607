"""The integer network in other people's formats.

    netx         lava-dl's HDF5 files; netx_read and netx_write their layers, netx_fields their data
    lava_graph   Lava's process graph; lava_order its order of axes
    synapse_models, neuron_models   Lava's models on a CPU with the reset that they lack;
                 lava_model what these share
    rules        what lava-dl's netx gets wrong about a network

The command that exports is `neurodeploy/export.py`.
"""

from __future__ import annotations

if __name__ != "neurodeploy.export":
    raise ImportError(f"{__name__!r} is a folder of neurodeploy; import neurodeploy.export instead")
