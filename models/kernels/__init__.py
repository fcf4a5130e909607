"""Compiled kernels for training on a CPU.

neurons         CUBA LIF neurons with biases, feedback and learned decays; axonal delays
sums            weighted sums of dense layers, with and without synaptic delays
threads         splits a batch over threads
"""
