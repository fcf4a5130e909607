"""What a run would take on chips, and on other hardware.

meter          what every neurocore does in every step, and how long it takes
latency        the time of a sample; energy its energy
conventional   a network of the same size on conventional hardware
"""
