"""Reports and histories as people read them.

terminal   a report as tables in a terminal; answers its outputs
tables     what these and checks print tables and lists with
checks     what --compare and --trace found
history    the history of a training as a picture
"""
