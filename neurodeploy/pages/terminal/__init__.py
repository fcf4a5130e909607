"""A report in a terminal.

report       all of it; summary is its first screen
chip_tables  tables with a column a chip, of which chip_columns knows the form
answers      outputs of the first samples
tables       prints tables and lists, and the listings that a page has too
checks       what --compare and --trace found
beside       networks side by side
data_sets    the data of the tasks, not of a report
"""
