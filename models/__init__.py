"""What a network is: SLAYER networks that are trained, and the integer network that all else reads.

    network         the integer network, validated, with a digest; layers and neurons are its parts
    architecture    the description of a network to train, its JSON files and presets
    snn             a SLAYER network of such a description, made of blocks/, computed by kernels/
    quantize        a trained network into an integer one
    loihi           widths and limits of Loihi's arithmetic; cuba the neuron's equations

Torch is needed by snn, quantize, blocks/ and kernels/ alone.
"""

from __future__ import annotations

if __name__ != "neurodeploy.models":
    raise ImportError(f"{__name__!r} is a folder of neurodeploy; import neurodeploy.models instead")
