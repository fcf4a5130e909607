"""Run a network on samples, compare what it does, and make a report of it: objects, no files.

inputs          the samples that a network runs on: arrays, files of arrays, a task's test samples
simulation      run a network a batch at a time
comparison      two backends, or a trained network and its quantized one, spike by spike
recording       what a run records beside its counts: one sample, all spikes, a trace of the layers
evaluation      run a network over samples and make a report; check it against the rules of chips
side_by_side    reports of several networks
"""
