"""A report in a terminal.

report     all of it; summary is its first screen
counted_tables, chip_tables, other_tables, measured_table, answers    its tables
tables     what these and checks print tables and lists with; chip_columns those with a column a
           chip
checks     what --compare and --trace found
beside     networks side by side
"""
