"""The compiled kernels of the fast backend.

frames         how spikes pass from layer to layer, and their delays
dense_cuba     dense layers of CUBA LIF neurons, in one kernel: cuba_layer, which uses neuron_steps;
               lanes are its vectors
event_sums     what any other layer receives, spike by spike
convolution    a convolution for it, and as a product where most senders fire
neuron_scans   what any other layer's neurons do with it
shared         threads, and what is cached per layer
"""
