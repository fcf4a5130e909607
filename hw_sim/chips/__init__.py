"""Kinds of chips: their limits and what events cost on them, read from `costs/*.json`.

chip        the chips there are, and what a network meets on one
cost        a figure with its bounds, and one row of a cost file with its sources
cost_file   which rows there are; reading and checking a file
"""
