"""What a network is: SLAYER networks that are trained, and the integer network that all else reads.

    network         the integer network, validated, with a digest; layers and neurons what it is
                    made of, layer_checks and arrays their checks
    loihi           widths and limits of Loihi's arithmetic
    cuba            the neuron's equations, compiled by what compiling offers
    architectures/  the description of a network to train
    snn             a SLAYER network of such a description; compact leaves out useless neurons
    blocks/         what it is made of: lava-dl's blocks, and ours
    kernels/        the dynamics of blocks, compiled for a CPU
    quantize        a trained network into an integer one
    lava_compat     makes Lava importable on Python 3.11 and later
    memory          reuse of large arrays, for speed
    json_object     objects of a JSON file, which know what they were given twice
    atomic          files that are replaced whole or not at all
    errors          the errors raised on purpose

Nothing here is imported with the package; torch is needed by snn, compact, quantize, blocks/ and
kernels/ alone.
"""

from __future__ import annotations

if __name__ != "neurodeploy.models":
    raise ImportError(f"{__name__!r} is a folder of neurodeploy; import neurodeploy.models instead")

import os

# OpenMP threads that wait by spinning make two thread pools (torch's and numba's) slow each other
# down tenfold on a busy machine. It counts only when set before the first of them starts.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# But waking a thread takes longer than a small layer: GNU's wait for some microseconds.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
