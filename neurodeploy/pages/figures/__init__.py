"""The figures of a report, each drawn once by a function of a `neurodeploy.pages.view.View`.

confusion     predictions against classes
steps         accuracy against steps, time and energy
cores         map of chips, tiles and neurocores
spikes        spikes and SynOps of every layer
raster        one sample from signal to prediction; signals its signal
ranges        estimates with bands: energy, time of a step, conventional hardware
style         the look of all
drawing       every figure by its name, and figures as SVG and PNG
"""
