"""Speed and accuracy, measured side by side in one run; run them from the project's folder.

simulators    our simulator against Lava's: python -m benchmarks.simulators runs/har/model.net
stock_lava    the part of it that runs Lava, in a process of its own
workloads     seeded networks and inputs
"""
