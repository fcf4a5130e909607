"""What recipes are compared with: every training of a search, on validation windows alone.

__main__    the command: python -m benchmarks.recipes --task digits
search      a trial, a task's trials, and how one is trained
folds       which training windows validate, several ways
record      the file of all trainings
digits, fashion, spoken_digits, watch   the trials of a task; har_small of a small network
"""
