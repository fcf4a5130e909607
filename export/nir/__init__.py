"""NIR, the Neuromorphic Intermediate Representation (neuroir.org), in and out.

graph       reads and checks a graph, flattens its subgraphs, orders its nodes and infers shapes;
            reading: the content of a file; nodes: the check of one node of each type
dialects    what the frameworks mean by a node: one table of neuron dynamics
reference   runs a graph in float, one step per node
folding     turns a graph into a float network: folds what is linear between two neurons;
            linear_maps: linear maps, composed exactly
writing     writes an integer network as a graph
connections connects the nodes of a graph to be written: weights, delays, loops
metadata    holds the integers of a network in its graph, and returns them
modules     torch modules of snnTorch, Norse, SpikingJelly and sinabs, by their own exporters
"""
