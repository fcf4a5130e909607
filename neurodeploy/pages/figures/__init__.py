"""The figures of a report, each drawn once by a function of the report.

confusion     predictions against classes
steps         accuracy against steps, time and energy
cores         map of chips, tiles and neurocores
spikes        spikes and SynOps of every layer
raster        one sample from signal to prediction
ranges        estimates with bands: energy, time of a step, conventional hardware
style         the look of all
drawing       every figure by its name, and figures as SVG and PNG
"""
