"""Run an integer network, place it on neurocores, and estimate its energy and latency.

streaming      continuous runs: state carried from chunk to chunk
backends       table of the backends, options of a run
simulators/    the backends: fast, by graph and layer_runs; lava and loihi, in a child process
kernels/       compiled kernels of the fast backend
activity       input checks, spikes of a run, counts of spikes and SynOps
memory         available memory, and the batch size that fits
readout        outputs, predictions, accuracy
decisions      accuracy by number of time steps
neurobench_metrics   NeuroBench's metrics
chips/         limits and costs of chips, from cost files
blocks         partition of a layer into blocks, one per neurocore, and their use of its budgets
placement      placement of layers on neurocores, tiles and chips
design_rules   whether a chip can hold a network, and changes that need fewer neurocores
traffic        messages between neurocores, and their hops
workload       work of every neurocore in every step
timing         time of a step: the largest of what its resources take
estimates      energy and latency from the workload
between_samples   what lies between samples: nothing, a reset, or steps of waiting
confidence     how far estimates were off where chips were measured
estimated      all estimates for one chip
conventional   energy of an artificial network of the same size on conventional hardware
"""

from __future__ import annotations

if __name__ != "neurodeploy.hw_sim":
    raise ImportError(f"{__name__!r} is a folder of neurodeploy; import neurodeploy.hw_sim instead")
