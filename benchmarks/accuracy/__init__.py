"""Accuracy of spiking networks without and with delays, and of artificial ones of the same size.

__main__      the command
setup         models, and what decides about the figures of their runs
records       the kept figures and predictions of all runs
runner        trains, exports and reports what is not recorded yet
predictions   a trained network and its quantized one on all test samples
figures       means, deviations, differences with their intervals
page          tables, pictures and the page
"""
