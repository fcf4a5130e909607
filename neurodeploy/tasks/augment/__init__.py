"""Varied copies of signals, so that a network learns what does not depend on one recording.

wearing   sensors worn askew, movements a little otherwise, a watch on the other wrist
sound     speech said faster or slower, sooner or later, in noise
images    images turned, stretched and moved
counts    counted events moved over the sensor, and in time
"""
