"""Run a network on samples, compare runs, and build reports: objects, not files.

inputs          the samples that a network runs on: arrays, files of arrays, a task's test samples
simulation      run a network, a batch at a time
comparison      compare two backends, or a trained network and its quantized one, spike by spike
recording       what a run records: one sample, all spikes, rates and overflows of every layer
evaluation      run a network over samples and build its report; check it against the design rules
report          the report on a network, and reports on several side by side
report_json     the JSON object of a report
"""
