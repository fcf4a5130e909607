"""The integer network in other people's formats.

    netx         lava-dl's HDF5 files, written and read
    lava_graph   Lava's process graph; delay_dense the synapse models that it runs with on a CPU
    rules        what lava-dl's netx gets wrong about a network

The command that exports is `neurodeploy/export.py`.
"""
