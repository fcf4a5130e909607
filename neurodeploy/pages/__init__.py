"""Reports and histories as people read them.

terminal   a report in a terminal: summary is its first screen; counted_tables, answers,
           chip_tables, other_tables and measured_table its tables
tables     what these and checks print tables and lists with; chip_columns those with a column a
           chip; short their numbers
checks     what --compare and --trace found; beside networks side by side
history    the history of a training as a picture
html       a report as one page, from the template report.html.j2; plots its figures as files
view       what figures and pages show of a report; page_tables, page_texts, numbers write it
figures/   every figure
"""
