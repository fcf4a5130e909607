"""Train a network for a task, and keep it.

training                  what a training is: data, settings, the epochs done
loop, training_step       its epochs, and the steps of one; validation what comes after them
chosen_network, capacity  which network to train, and whether a chip could hold it
run_folder, run_lock      the files of one training, and the right to write them; run_keeper writes
                          them while it runs, run_options says which may go on
checkpoint                a trained network as a file
budget, thrift            the law by which a training keeps to a budget, and what carries it out;
                          spending what a network spends, weight_pruning zeros among weights,
                          budget_options the options and what they came to
distributed, gpu          several processes, and what a GPU needs
tensorboard               the history as event files
"""
