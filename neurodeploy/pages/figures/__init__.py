"""The figures of a report, each drawn once by a function of a `neurodeploy.pages.view.View`.

registry      every figure by its name, and why one may be missing
confusion     answers against classes
steps         accuracy against steps, time and energy
energy, latency    what spends the energy of a sample, and the time of a step
cores         map of chips, tiles and neurocores
spikes        spikes and SynOps of every layer
raster        one sample from signal to answer; signals its signal
conventional  beside conventional hardware
ranges        how estimates with bands are drawn
style, svg    the look of all, and figures as SVG and PNG
"""
