"""Present reports, networks and training histories in terminal, page and notebook.

tables         table data type that terminal, page and notebook share
report_tables  tables of a report
networks       tables and CSV of several networks
terminal       terminal output of reports and checks
data_sets      terminal output on the datasets of the tasks
page           HTML pages, from templates/
texts          headline figures and provenance of a page
search         tables and page of a search for networks
notebook       HTML of objects in a notebook
figures/       figures of a report
history        training curves
wording        format of numbers, units and names
"""
