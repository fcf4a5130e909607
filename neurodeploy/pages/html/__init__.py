"""A report as one page, and its figures as files.

page     fills in the template report.html.j2
texts    headline figures and sentences
tables   tables as text in rows and columns
"""
