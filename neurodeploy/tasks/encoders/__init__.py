"""Encoders: signals to the spikes of a network's input channels.

    registry     the encoders by name, several side by side, and an encoder from its description
    encoder      what every encoder is, and checks of parameters
    delta        spikes for movement
    sigma_delta  spikes at a rate that follows the level
    lif          spikes of a leaky integrate-and-fire neuron a channel
    bands        levels of bands of a sound, then another encoder's spikes
    mel          the levels of a log-mel spectrum
    cochlea      the levels of resonators, as in the inner ear
    pixels       spikes of images, by their rate or by their time
    counts       spikes where enough events came

To add an encoder, write one file with a subclass of `Encoder` and name it in `registry.ENCODERS`.
"""
