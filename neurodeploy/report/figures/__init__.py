"""Figures of a report, each drawn by a function that takes the report.

confusion     confusion matrix
steps         accuracy over steps, time and energy
cores         map of chips, tiles and neurocores
layers        where the energy goes: whole chip, layers by parts
spikes        spikes and SynOps of every layer
raster        spike raster of one sample, from signal to prediction
ranges        estimates with ranges: energy, time of a step, conventional hardware
drawing       table of all figures, and output as SVG and PNG
"""
