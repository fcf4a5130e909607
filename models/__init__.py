"""Networks: SLAYER networks to train, and the integer network that everything else works on.

    network         the integer network and its digest
    graph           its populations and connections; synapses; neurons; layers of a chain
    architecture    the description of a network to train, its JSON files and presets
    schema          converts JSON to typed objects, generates JSON Schema; json_fields: the reverse
    old_names       keys of old files
    snn             the trainable SLAYER network; its blocks, and kernels for CPUs
    quantize        converts a trained network to an integer network; dequantize: the way back
    float_network   layers of float weights and discrete neurons, before they are quantized
    loihi_form      float layers in the form that Loihi computes, exact or closest
    post_training   quantizes a float network after training
    loihi           bit widths and limits of Loihi's arithmetic; cuba: the neuron's equations
    errors          the errors that users meet; files: checks and safe replacement of files
    arrays          checks of integer arrays; display: how objects show themselves
    compiling       the cache of compiled kernels; lava_compat: Lava and SLAYER on today's Python

Only snn, quantize, dequantize, blocks and kernels need torch.
"""

from __future__ import annotations

if __name__ != "neurodeploy.models":
    raise ImportError(f"{__name__!r} is a folder of neurodeploy; import neurodeploy.models instead")
