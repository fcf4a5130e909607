"""Measurements; run them from the project's folder.

simulators    our simulator and others: python -m benchmarks.simulators runs/har/model.net
training      lava-dl, ours and other libraries train: python -m benchmarks.training --har
programs      the tables of simulators and libraries; peers/ their programs; stock_lava Lava's
workloads     seeded networks and inputs, and real ones; limits what this machine reaches at best
accuracy/     networks with and without delays, and artificial ones: python -m benchmarks.accuracy
ann           these artificial ones: python -m benchmarks.ann
recipes       search for configurations: python -m benchmarks.recipes --task digits
budgets       accuracy against energy of networks trained to budgets: python -m benchmarks.budgets
energy        estimates beside what was measured on chips: python -m benchmarks.energy
pilotnet_energy, keyword_energy   its two workloads; published_energy what others measured
fuzz          random networks through fast and Lava: python -m benchmarks.fuzz
random_networks   what it draws; lava_server runs them in one Lava process; differences compares
census        what the networks exercised
mutants       fast with one fault each, which Python runs on plain_lanes
pages         tables, and the pages' templates
"""
