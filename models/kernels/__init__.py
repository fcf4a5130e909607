"""Compiled kernels that train blocks on a CPU.

neurons         neurons with biases, feedback and learned decays, and axonal delays
sums            weighted sums of a layer, also with delays of synapses
threads         splits a batch over cores
"""
