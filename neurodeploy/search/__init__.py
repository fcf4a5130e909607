"""Search for the best networks of a task under objectives and constraints, with Optuna.

space     what varies: the search space, and the configuration of a trial
trial     one trial: train, quantize, check, simulate, estimate
study     `neurodeploy.optimize`: the study, its storage and its workers
results   what a study found: the front, repeated seeds, files and pages
"""
