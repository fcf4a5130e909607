"""The blocks of a SLAYER network: lava-dl's own, and what lava-dl lacks as blocks of the same kind.

lava_dl         lava-dl's SLAYER, imported quietly
builder         makes a network's blocks from its description
learned_bias    neurons that learn a bias
synaptic_dense  a layer whose synapses each learn a delay
weight_steps    weights of fewer bits
dropout         senders left out while training
values          the integers that a block's numbers stand for; rules refuses what has none
spikes          what blocks emit in the steps in which a chip would
"""
