"""Where a network goes: from layers to neurocores, tiles and chips.

blocks         how a layer is cut, one block a neurocore
budgets        what a block takes of a neurocore: neurons, synaptic memory, axons, decays
axons          which neurocores a spike goes to, and which senders one listens to
place          the placement of a network; mesh where its neurocores lie
links          who sends to which neurocores
design_rules   why no number of chips can hold a network; advice what would lessen its neurocores
"""
