"""Train a network for a task and save it.

config        how to train, TrainConfig, and the network that it describes
fit           a training from Python, in memory or into a folder
training      the epochs of a training
budget        keeps a training to a number of SynOps or to an energy
pruning       zeros among weights
run_folder    the files of a training, and which training may be resumed
checkpoint    a trained network as a file
distributed   several processes
tensorboard   the history as event files
"""
