"""The integer network at work: run it, place it on neurocores, and estimate what it costs.

backends       the table of simulators and the options of a run
simulators/    fast, lava and loihi; process runs the last two in child processes
kernels/       the compiled kernels of fast
activity       the input of a run, checked; the spikes of every layer; what is counted from them
memory         how much memory there is, and how many samples fit
readout        the outputs of a network, and their score
decisions      after how many steps the predictions hold
neurobench_metrics   NeuroBench's metrics of a network and a run
chips/         limits and costs of chips, read from cost files
blocks         how a layer is cut into blocks, one per neurocore, and what each takes of its budgets
placement      from layers to neurocores, tiles and chips
design_rules   why a chip cannot hold a network, and what would take fewer neurocores
traffic        who sends to which neurocores, and over how many hops
workload       what every neurocore does in every step
estimates      energy and latency, from the workload
estimated      all estimates for one chip; estimated_json: the same as data
conventional   a network of the same size on conventional hardware
"""

from __future__ import annotations

if __name__ != "neurodeploy.hw_sim":
    raise ImportError(f"{__name__!r} is a folder of neurodeploy; import neurodeploy.hw_sim instead")
