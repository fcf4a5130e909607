"""Search for the best networks of a task under objectives and constraints, with Optuna.

space         what varies: the search space, and the configuration of a trial
trial         one trial: train, quantize, check, simulate, estimate
study         `neurodeploy.optimize`: the search, and the repeated seeds of its front
workers       a study that processes and machines work on together
storage       journal file, gRPC proxy or database, with heartbeats
results       what a study found: the front, repeated seeds, files and pages
results_json  the same as JSON
"""
