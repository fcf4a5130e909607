"""Artificial networks of the size of a spiking one, trained on the same windows.

    python -m benchmarks.ann --task har --kind gru --parameters 21000 --out runs/gru

sizes      which network of a kind has so many parameters, and its multiply-accumulates, by formula
networks   the networks in torch
inputs     what they see: the signals that the encoder sees, standardised
training   epochs, the rates that are tried, and the test
"""
