"""Train a network for a task, and keep it.

config        how to train, TrainConfig, and the network that it describes
fit           a training from Python, in memory or into a folder
training      what a training is: data, configuration, the epochs done
loop          its epochs: the steps of one, and the validation after it
budget        keeps a training to a number of SynOps or to an energy
pruning       zeros among weights
run_folder    the files of a training, the right to write them, and which training may go on
checkpoint    a trained network as a file
capacity      whether a chip could hold a network
distributed   several processes, and what a GPU needs
tensorboard   the history as event files
"""
