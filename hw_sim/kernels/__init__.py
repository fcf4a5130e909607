"""The compiled kernels of the fast backend.

spike_buffer   how spikes pass from layer to layer, and their delays
dense_cuba     dense layers of CUBA LIF neurons: plans for the kernel cuba_layer; lanes: its vectors
synapses       the weighted input of any other layer; convolutions also as matrix products
neurons        the neurons of any other layer
shared         threads, and what is cached per layer
"""
