"""Reports, networks and histories as people read them.

terminal/  a report, networks side by side, checks and data in a terminal
html/      a report, and networks side by side, as a page
notebook   objects as a notebook shows them
figures/   figures of a report; history the curves of a training
listings   tables, which terminal, page and notebook show; per_chip those with a column per chip;
           beside those with a row per network, and their CSV
wording    numbers and names as all of them write them
view       what figures and pages show of a report
"""
