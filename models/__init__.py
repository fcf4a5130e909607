"""What a network is: SLAYER networks that are trained, and the integer network that all else reads.

    network      the integer network, validated, with a digest; layers and neurons what it is made
                 of, layer_checks and arrays their checks
    loihi        widths and limits of Loihi's arithmetic
    cuba         the neuron's equations, compiled by what compiling offers
    architecture the description of a network to train, of layer_spec each; architecture_json reads
                 it from a file, presets have names, fan_out counts what spikes cost
    json_object  objects of a JSON file, which know what they were given twice
    snn          trainable networks of lava-dl's blocks, which block_builder makes, and of ours:
                 learned_bias, synaptic_dense, weight_steps, dropout
    block_runs   those in compiled kernels on a CPU: kernels, learned_neurons, axonal_shift,
                 dense_sums and synaptic_sums; threads shares a batch among its cores
    slayer       lava-dl's SLAYER, imported quietly
    quantize     a trained network into an integer one; block_values reads its integers,
                 block_rules refuses what has none, block_spikes runs it as a chip would
    lava_compat  makes Lava importable on Python 3.11 and later
    compact      leaves out neurons that cannot matter
    memory       reuse of large arrays, for speed
    atomic       files that are replaced whole or not at all
    errors       the errors raised on purpose

Nothing here is imported with the package; torch is needed by what trains, and by quantize
and block_* alone.
"""

from __future__ import annotations

import os

# OpenMP threads that wait by spinning make two thread pools (torch's and numba's) slow each other
# down tenfold on a busy machine. It counts only when set before the first of them starts.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# But waking a thread takes longer than a small layer: GNU's wait for some microseconds.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
