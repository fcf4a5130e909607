"""Predictions from a recording or a stream, as the network runs on the chip.

sources     rows of files, stdin, arrays and iterators, as they arrive
columns     which columns are the network's channels, their units, and the column of times
joining     several files, one per sensor, joined by their times
clock       rate, gaps and resampling: rows become pieces of evenly spaced rows without gaps
predicting  windows and continuous operation: pieces become decisions
cost        energy, latency and battery life at the sensor's pace
page        the figure of signal, spikes and decisions
"""
