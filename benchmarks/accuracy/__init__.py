"""Accuracy of networks with and without delays, and of artificial ones of the same size.

__main__    the command
schedule    which runs are there, and which are made when; board what is known and told of them
models      which networks are compared
facts       what has to be known of a task; facts_file keeps it for who has not its data
keys        what decides about a run's figures; code what makes them, beside the key
runs        the runs, and what is there of them
making      how a run is made; commands runs its commands, answers compares a trained network and
            its integers
records     the figures of every run, kept with the project; rules what files must hold
figures     means, deviations, differences
page        the page; tables, plot and texts are parts of it
"""
