"""What a network is: SLAYER networks that are trained, and the integer network that all else reads.

    network         the integer network with its digest; layers and neurons are its parts
    architecture    the description of a network to train, its JSON files and presets
    schema          JSON to typed objects, and their JSON Schema; old_names of earlier releases
    snn             a SLAYER network of an architecture, made of blocks, computed by kernels
    quantize        a trained network to an integer one
    loihi           widths and limits of Loihi's arithmetic; cuba has the neuron's equations

Only snn, quantize, blocks and kernels need torch.
"""

from __future__ import annotations

if __name__ != "neurodeploy.models":
    raise ImportError(f"{__name__!r} is a folder of neurodeploy; import neurodeploy.models instead")
