"""Run a network on samples, and compare runs.

files        networks and models in files of every format: load and save
nir          networks from NIR graphs and torch modules, with calibration
simulation   run a network batch by batch
calibration  scales and delays chosen on samples, layer by layer
comparison   compare the spikes of two backends, or of a trained and a quantized network
recording    record one sample, all spikes, or rates and overflows of every layer
"""
