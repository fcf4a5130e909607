"""Speed and agreement, measured side by side; run them from the project's folder.

simulators    our simulator against Lava's: python -m benchmarks.simulators runs/har/model.net
stock_lava    the part of it that runs Lava, in a process of its own
workloads     seeded networks and inputs
fuzz          random networks through fast and Lava: python -m benchmarks.fuzz
random_networks   what it draws; lava_server runs them in one Lava process
differences   what differs; census what the networks exercised; mutants fast with one fault each,
              which Python runs on plain_lanes
"""
