"""The compiled kernels of the fast backend.

spike_buffer   spikes between layers, and their delays
dense_cuba     dense layers of CUBA LIF neurons, in the kernel cuba_layer; lanes: SIMD vectors
conv           convolutions, in the kernel conv_layer
network_step   all layers in one call, step by step, for streams
synapses       weighted input of other layers
neurons        neurons of other layers
shared         threads, and a cache per layer
"""
