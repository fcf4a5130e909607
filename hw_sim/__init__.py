"""The integer network at work: run it, place it on neurocores, and estimate what it costs.

backends       the table of what runs a network: fast, lava_backend, loihi_backend;
               backend_names their names alone
memory_limit   what there is of memory, and how many samples fit; memory_need what a run takes
run_options    what a backend may be told; inputs what it is given, activity what it yields;
               threads limits the cores
kernels/       the compiled kernels of fast
lava_process   child processes that run Lava; lava_worker and loihi_worker are what they run,
               lava_child what these two share
chip           limits and costs, read from costs/*.json; cost one row of them, cost_rows which rows
               there are, cost_file and cost_json how a file is read and checked
placement      neurocores: blocks how layers are cut, budgets and axons what blocks take, mesh where
               they lie; design_rules whether chips can hold a network, advice what to change
meter          what neurocores do step by step, workload as data; links who sends to which,
               core_time how long they take
energy, latency, estimate   what it costs, with bounds
answers        the outputs of a network; score their accuracy; decisions after how many steps
conventional   what a network of the same size takes on other hardware
neurobench_metrics   NeuroBench's metrics
report         all of it as data; report_counted, report_estimated its two halves, estimated_json
               parts of the latter
"""
