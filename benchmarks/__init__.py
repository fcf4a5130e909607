"""Speed, agreement and energy, side by side; run them from the project's folder.

simulators    our simulator and others: python -m benchmarks.simulators runs/har/model.net
workloads     seeded networks and inputs, and real ones
compare       the table of simulators, and how one is run; peers their programs; stock_lava Lava's
limits        how fast this machine could be at best
results       what came out; tables, speed_page and speed_plot show it
fuzz          random networks through fast and Lava: python -m benchmarks.fuzz
random_networks   what it draws; lava_server runs them in one Lava process
differences   what differs; census what the networks exercised; mutants fast with one fault each,
              which Python runs on plain_lanes
energy        estimates beside what was measured on chips: python -m benchmarks.energy
pilotnet_energy, keyword_energy   the two workloads; published_energy what others measured
energy_tables  what it shows; energy_page and energy_plot write it
budgets       accuracy against energy of networks trained to budgets: python -m benchmarks.budgets
budgets_page  what it shows
training      lava-dl, ours and other libraries train: python -m benchmarks.training --har
training_workload   the network; training_runs how they take turns, trainers their programs;
              training_page what it shows
accuracy/     networks with and without delays, and artificial ones: python -m benchmarks.accuracy
ann           these artificial ones: python -m benchmarks.ann
recipes       search for configurations: python -m benchmarks.recipes --task digits
"""
