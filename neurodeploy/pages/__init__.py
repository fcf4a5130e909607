"""Reports and histories as people read them.

terminal/  a report in a terminal
html/      a report as a page
figures/   its figures
view       what figures and pages show of a report
numbers, short    numbers in few characters
history    the history of a training as a picture
"""
