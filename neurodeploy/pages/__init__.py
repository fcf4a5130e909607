"""Reports, networks and histories as people read them.

tables         the one model of a table, which terminal, page and notebook show
report_tables  the tables of a report; networks those of networks side by side, and their CSV
terminal       what commands print of them; data_sets what they print of the tasks' data
page           reports as HTML, from templates/; texts its headline figures and provenance
notebook       objects as a notebook shows them
figures/       figures of a report; history the curves of a training
wording        numbers, units and names as all of them write them
"""
