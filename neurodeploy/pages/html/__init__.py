"""Reports as pages, and their figures as files.

page     fills in the templates *.html.j2: report, comparison and notebook
texts    headline figures and sentences
tables   which tables each part of a report's page shows
"""
