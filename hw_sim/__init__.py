"""The integer network at work: run it, place it on neurocores, and estimate what it costs.

backends       the table of what runs a network, and the options of a run
simulators/    what the table names: fast, lava, loihi; process runs the last two in child processes
kernels/       the compiled kernels of fast
activity       the input of a run, checked; the spikes of every layer; what is counted from them
memory         how much memory a run needs, and how many samples fit
readout        the outputs of a network, and their score
decisions      after how many steps the answers hold
neurobench_metrics   NeuroBench's metrics of a network and a run
chips/         limits and costs of chips, read from cost files
placement/     from layers to neurocores, tiles and chips
estimates/     energy and latency, from what every neurocore does
reports/       all of it as data
"""

from __future__ import annotations

if __name__ != "neurodeploy.hw_sim":
    raise ImportError(f"{__name__!r} is a folder of neurodeploy; import neurodeploy.hw_sim instead")
