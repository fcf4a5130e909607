"""Reports and histories as people read them.

terminal/  a report in a terminal
html/      a report as a page
figures/   its figures
listings, step_listings    tables that terminal and page both show
chip_rows  rows of the tables that have a column a chip
words, numbers    how both say things
view       what figures and pages show of a report
history    the history of a training as a picture
"""
