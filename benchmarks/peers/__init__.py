"""Other simulators on the same networks, each a small program in a process of its own.

    python -m benchmarks.peers.NAME WORKLOAD.npz [--threads 1] [--seconds 2]

prints one JSON object; `benchmarks.compare` has the table of them, says which packages each needs,
and starts them. Their dependencies conflict, so most run in an environment that uv makes for them,
with nothing of this project but `workload_file` and `measuring`, which need numpy alone.

workload_file   a network, its input and the output that must come out, as one npz file
measuring       what the programs share: options, timing, comparison, the JSON object
torch_layers    what those share that are built on torch

neurodeploy_fast, neurodeploy_lava, lava_stock, slayer       in this project's own environment
snntorch, spikingjelly, norse, nengo_loihi, brian2_loihi     in one of their own
"""
