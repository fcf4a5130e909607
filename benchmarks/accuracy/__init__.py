"""Compare the accuracy of spiking networks with and without delays, and of artificial ones.

__main__      the command
setup         models, and everything that determines the figures of their runs
records       recorded figures and predictions of all runs
runner        training, export and report of the runs that are not recorded yet
predictions   predictions of a trained and a quantized network on all test samples
figures       means, deviations, and differences with their intervals
page          tables, figures and the page
"""
