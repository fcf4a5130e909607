"""Run a network on samples, compare runs, and build reports.

inputs          samples from arrays, files of arrays, or a task's test set
simulation      run a network batch by batch
comparison      compare the spikes of two backends, or of a trained and a quantized network
recording       record one sample, all spikes, or rates and overflows of every layer
evaluation      evaluate a network over samples; check it against the design rules
report          the report on a network, and on several networks side by side
report_json     the report as a JSON object
"""
