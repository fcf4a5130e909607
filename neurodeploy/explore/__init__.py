"""Search for the best networks of a task under objectives and constraints, with Optuna.

space         what varies: the search space, and the configuration of a trial
metrics       what is optimized and what is limited
trial         one trial: train, quantize, check, simulate, estimate
repeats       repeated seeds of the front, and the test
study         `neurodeploy.optimize`: the search, and then the repeats
workers       a study that processes and machines work on together
storage       journal file, gRPC proxy or database, with heartbeats
results_data  the trials of a study: the front, the best one for a wish, repeated seeds
results       what a study found: read from Optuna, written as files and pages
front         the figure of the front
page          tables and HTML page
"""
