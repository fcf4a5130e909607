"""What runs a network, one file for each backend; see `hw_sim.backends`."""
