"""Benchmarks; run them from the root of the repository.

simulators    speed of `fast` and other simulators: python -m benchmarks.simulators
training      training speed of neurodeploy, lava-dl and others: python -m benchmarks.training
nir_trained   networks trained in other frameworks, brought here by NIR: python -m
              benchmarks.nir_trained
programs      tables of simulators and libraries; their programs are in peers/ and stock_lava
workloads     seeded networks and inputs, and real ones
limits        lower bound of the simulation time on this machine
accuracy/     spiking networks with and without delays, and ANNs: python -m benchmarks.accuracy
ann           training of these ANNs: python -m benchmarks.ann
recipes       hyperparameter search: python -m benchmarks.recipes --task digits
searches      what a search gains over the presets: python -m benchmarks.searches explore/har
early_stopping   what early stopping saves in it: python -m benchmarks.early_stopping
search_workers   trials an hour with one worker and two: python -m benchmarks.search_workers
budgets       accuracy against energy for training budgets: python -m benchmarks.budgets
energy        estimates and published measurements: python -m benchmarks.energy
pilotnet_energy, ntidigits_energy, keyword_energy   its cases; published_energy: the measurements
fuzz          random networks on `fast` and Lava: python -m benchmarks.fuzz
random_networks, lava_server, differences, census   its networks, Lava, comparison and coverage
nir_frameworks   networks that five frameworks export and the NIR reference
mutants       copies of `fast` with one fault each; plain_lanes runs them without compilation
pages         tables and Markdown pages
"""
