"""Train a network for a task and save it.

fit           `neurodeploy.fit`: train in memory or into a folder
sequences     train on whole recordings
training      the training loop and validation
budget        train to a limit of SynOps or energy
pruning       prune weights during training
history       training curves
run_folder    the files of a run, and resuming it
checkpoint    `model.pt`: write it, and read it safely
distributed   several processes, with torch.distributed
tensorboard   the history as TensorBoard event files
"""
