"""The compiled kernels of the fast backend, and one that counts for the neurocores.

frames         how spikes pass from layer to layer
dense_cuba     dense layers of CUBA LIF neurons, in one kernel: cuba_layer, which is made of
               spike_lists, row_sums and neuron_steps after a layer_plan; lanes are its vectors
event_sums     what any other layer receives, spike by spike; conv_layout the kernel of a
               convolution for it, conv_product a convolution where most senders fire
neuron_scans   what any other layer's neurons do with it
late           shifts what neurons do by their delays
once           keeps what is made of a layer
tally          the spikes that reach each neurocore, step by step
"""
