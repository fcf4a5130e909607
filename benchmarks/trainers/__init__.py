"""Training of one network in lava-dl, with our kernels and in other libraries.

    python -m benchmarks.trainers.NAME WORKLOAD.npz [--threads 1] [--variant NAME]

builds the network and then trains whenever it is told to; `benchmarks.training_runs` starts these
programs, says which packages each needs and tells them when. Most run in an environment that uv
makes for them, with nothing of this project but the first three files, which need numpy and torch.

training_file   weights, delays, input spikes and labels, as one npz file
serving         what the programs share: options, the conversation, what is timed
torch_network   what those share that are built on torch alone

lava_dl         lava-dl's blocks, with its own dynamics and with ours
har             an epoch of the task `har`, with both
snntorch, spikingjelly, norse   the other libraries
"""
