"""A report as data: what was counted and what is estimated from it.

report      all of it, and its JSON
counted     exact figures of a run
estimated   the estimates for one kind of chip; estimated_json as JSON values
"""
