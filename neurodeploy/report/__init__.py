"""Reports: from a run to data, JSON, terminal, page and notebook.

report         the report on a network, and on several networks; report_data: its data
evaluate       evaluate a network over samples; check it against the design rules
parts          counted values, provenance, and what no estimate includes
tables         table data type that terminal, page and notebook share
report_tables  tables of a report
calibration    tables of a calibration
networks       tables, CSV and page of several networks
terminal       terminal output of reports and checks
data_sets      terminal output on the datasets of the tasks
page           HTML pages, from templates/
texts          headline figures and provenance of a page
notebook       HTML of objects in a notebook
figures/       figures of a report
wording        format of numbers, units and names
"""
