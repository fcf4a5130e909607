"""The blocks of a SLAYER network: lava-dl's own, and what lava-dl lacks as blocks of the same kind.

lava_dl         lava-dl's SLAYER, imported quietly, and the integers that its numbers stand for
rules           refuses what has no integer
builder         makes a network's blocks from its description; learned biases, weights of fewer
                bits, dropout
synaptic_dense  a layer whose synapses each learn a delay
spikes          what blocks emit in the steps in which a chip would
"""
