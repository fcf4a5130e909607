"""Count, step by step, the spikes that reach each neurocore: one pass over what a layer sent."""

from __future__ import annotations

from neurodeploy.models.compiling import compile_kernel


def _tally(spikes, start, counter, synapses, counts, summed, by_sender):
    """Add to the three outputs what the samples hold; any value but 0 is one spike.

    Args:
        spikes: what the senders sent, array (batch, time, senders).
        start: where the pairs of each sender begin, int64 (senders + 1,).
        counter: of each pair of sender and counter, int64 (pairs,).
        synapses: of each pair, int32 (pairs,).
        counts: spikes that each counter counts, int32 (batch, time, counters).
        summed: the same, each times its synapses, int64 (batch, time, counters).
        by_sender: spikes of each sender, int64 (senders,).
    """
    batch, time, senders = spikes.shape
    for sample in range(batch):
        for step in range(time):
            sent, count, total = spikes[sample, step], counts[sample, step], summed[sample, step]
            for sender in range(senders):
                if sent[sender] != 0:
                    by_sender[sender] += 1
                    for pair in range(start[sender], start[sender + 1]):
                        count[counter[pair]] += 1
                        total[counter[pair]] += synapses[pair]


tally = compile_kernel(_tally)
