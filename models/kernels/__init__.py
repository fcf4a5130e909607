"""The dynamics of blocks in compiled kernels, which train on a CPU.

runs          runs a block in them, forward and backward
cuba_block    neurons of given decays; learned_neurons of learned ones
axonal_shift  delays of neurons
dense_sums    weighted sums of a layer; synaptic_sums with delays of synapses
threads       shares a batch among cores
"""
