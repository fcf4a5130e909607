"""What commands print.

report       a report: its first screen, then its tables
beside       networks side by side
checks       what --compare and --trace found
data_sets    the data of the tasks
tables       how tables and lists are printed
"""
