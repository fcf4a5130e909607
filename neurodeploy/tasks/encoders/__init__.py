"""Encoders: signals to the spikes of a network's input channels.

    registry     the encoders by name, several side by side, and an encoder from its description
    encoder      what every encoder is, and checks of parameters
    signals      of sampled signals: delta, sigma-delta, LIF neurons, counts of events
    bands        of sound: levels of mel or cochlear bands, then another encoder's spikes
    pixels       of images, by their rate or by their time

To add an encoder, write a subclass of `Encoder` and name it in `registry.ENCODERS`.
"""
