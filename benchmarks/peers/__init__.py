"""Other simulators and libraries on the same networks, each a program in a process of its own.

    python -m benchmarks.peers.NAME WORKLOAD.npz [--threads 1] [--seconds 2] [--variant NAME]

prints one JSON object; `benchmarks.programs` has the tables of them, says which packages each
needs, and starts them. Their dependencies conflict, so most run in an environment that uv makes for
them, with only `workload` and `measuring` of this project, which need numpy alone.

workload          networks, input and expected output, to simulate and to train, as npz files
measuring         what the programs share: options, timing, comparison, the JSON object
own               this project's simulator, its Lava backend, and stock Lava
training          what those share that train
lava_dl           lava-dl's SLAYER, to simulate; stock and with our kernels, to train
torch_libraries   snnTorch, SpikingJelly and Norse, to simulate and to train
nengo_loihi, brian2_loihi   two emulators of Loihi
nir_networks      networks of five frameworks, exported to NIR by each
nir_trained       trains networks in five frameworks and exports them to NIR
har               an epoch of the task `har`, stock and with our kernels
"""
