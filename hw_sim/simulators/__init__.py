"""The backends; see `hw_sim.backends`."""
