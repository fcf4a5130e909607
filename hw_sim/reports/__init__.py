"""A report as data: what was counted and what is estimated from it.

report      all of it, and its JSON
estimated   the estimates for one kind of chip
"""
