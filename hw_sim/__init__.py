"""The integer network at work: run it, place it on neurocores, and estimate what it costs.

backends       the table of what runs a network: fast, lava_backend, loihi_backend;
               backend_names their names alone
kernels/       the compiled kernels of fast
lava_process   child processes that run Lava; lava_worker and loihi_worker are what they run,
               lava_child what these two share
run_options    what a backend may be told; inputs what it is given, activity what it yields;
               threads limits the cores
memory_limit   what there is of memory, and how many samples fit; memory_need what a run takes
answers        the outputs of a network; score their accuracy; decisions after how many steps
neurobench_metrics   NeuroBench's metrics of a network and a run
chips/         limits and costs of chips, read from cost files
placement/     from layers to neurocores, tiles and chips
estimates/     energy and latency, from what every neurocore does
reports/       all of it as data
"""

from __future__ import annotations

if __name__ != "neurodeploy.hw_sim":
    raise ImportError(f"{__name__!r} is a folder of neurodeploy; import neurodeploy.hw_sim instead")
