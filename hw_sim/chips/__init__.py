"""Kinds of chips: their limits and what events cost on them, read from `costs/*.json`.

chip        the chips there are, and what a network meets on one
cost        one row of a cost file, with its sources
cost_rows   which rows there are
cost_file   reading and checking a file; cost_json its text
"""
