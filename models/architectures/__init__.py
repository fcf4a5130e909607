"""The description of a network to train.

architecture       the network, of layer_spec each layer
architecture_json  read from a file
presets            networks that have names
fan_out            what a spike of each layer costs
"""
