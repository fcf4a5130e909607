"""Reports and histories as people read them.

terminal   a report as tables in a terminal
history    the history of a training as a picture
"""
