"""Where a network goes: from layers to neurocores, tiles and chips.

blocks         how a layer is cut, one block a neurocore, and which neurocores a spike goes to
budgets        what a block takes of a neurocore: neurons, synaptic memory, axons, decays
place          the placement of a network; mesh where its neurocores lie
links          who sends to which neurocores
design_rules   why no number of chips can hold a network, and what would take fewer neurocores
"""
