"""The dynamics of blocks in compiled kernels, which train on a CPU.

runs             runs a block in them, forward and backward
cuba_block       neurons of given decays, and axonal delays; learned_neurons of learned decays
sums             weighted sums of a layer, with delays of synapses too
threads          shares a batch among cores
"""
