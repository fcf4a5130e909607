"""What a run would take on chips, and on other hardware.

estimate       a quantity with the band that it may lie in
meter          measures what every neurocore does in every step; workload what that yields;
               core_time how long it takes
latency        the time of a sample; energy its energy
conventional   a network of the same size on conventional hardware
"""
