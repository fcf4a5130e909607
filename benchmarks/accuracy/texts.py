"""What the page of accuracy says about how its figures are made."""

from __future__ import annotations

ABOUT = """\
## How it is measured

Each network is trained from several seeds by the recipe of its task, exported to integers, and run
on the test windows. No setting was selected by accuracy on these: recipes, encoders and the best
epoch of each training are chosen on validation windows, of subjects or samples held out of
training, or taken as they were. Two searches, however, were continued because test accuracies had
been seen that were below or about what was hoped for: that of `digits`, whose recipe changed by it,
and that of `fashion`, whose recipe did not. What is known of a recipe's choice is linked with each
task. Results stand as they came.

A difference between two models is the mean over seeds of the difference of their accuracies. Two
things make it unsure: other seeds would come out otherwise (error of seeds, the standard error of
the mean), and so would other people (error of the test, the standard error of a mean over whole
subjects, or over windows where nobody is named, which is too small where windows of one person
follow each other). The 95% interval holds both, each times its own Student's t, and is wider than
it need be where both count: simulated, it held the truth in 94% of all cases or more. Only where it
lies on one side of zero does the table say "more" or "less accurate"; else it says that no benefit,
or no difference, is shown. That is no proof that there is none: three seeds and few subjects give
wide intervals. Nothing is corrected for the number of comparisons.

Networks with other delays follow the same recipe, which was mostly chosen with axonal delays, and
have the same neurons, so that one with synaptic delays stores twice the numbers. What a delay is
worth at the same size, or with a recipe of its own, may differ.
"""

ARTIFICIAL = """\
The artificial networks see the same windows, the same split and the same variation of the training
windows, before spikes are made of them: signals, levels of bands, pixels or counts of events,
standardised by the training windows. Each has as many parameters as the spiking network that the
task trains by itself, within 10% where no factor stands beside them. The dense network has two
hidden layers over the whole window (neighbouring samples averaged until its first layer has 32
neurons); the CNN three convolutions in time, or of images two convolutions and a dense layer; the
GRU one layer and the mean of its states, over the rows where the window is one image. All tasks
have the same settings: Adam, batches of 64, a rate that rises for a twentieth of the steps and
falls along a cosine, dropout 0.2 before the last dense layers, gradients cut to a norm of 1, and as
many epochs as show 120,000 windows, but 8 to 120. The highest rate is the best of 0.0003, 0.001,
0.003, 0.01 and 0.03 on the validation windows, by the first seed; the best epoch is chosen as for
the spiking networks. Where the table of trainings shows 0.03, the highest rate tried was the best,
and a higher one might be better still. That is five trainings of a search, where the spiking
recipes had ten to 150, often with more epochs, and the variation was chosen for them: a decent
baseline of the same size, not the best that is known for these data. It computes with 32-bit
floats, and the spiking network that it stands beside with 8-bit integers.
"""

COLUMNS = """\
- **parameters**: stored weights, delays and biases; of an artificial network all that it learns.
- **accuracy**: of the deployed integer network, or of the artificial one, in percent of the test
  windows; mean over seeds ± sample standard deviation.
- **trained**: accuracy of the network as it was trained, run by lava-dl's own dynamics on the same
  windows; **equal to it**: in what the integer network is equal to it on all of them.
- **operations**: of a sample. A SynOp adds one weight because a spike arrived; a MAC multiplies and
  adds. They are not the same thing, and neither tells energy by itself.
- **uJ, ms**: estimated for Loihi at full speed: dynamic energy and latency of a sample, with their
  bands; static power is left out, since it depends on how often the chip is used.
- **validation**: accuracy in percent of the validation windows, at the best epoch, which was chosen
  by it; **core minutes**: of a training with its test; on its first seed an artificial network is
  trained with each rate.
"""

ENERGY = """\
An artificial network's energy is its MACs times a published figure for one, which leaves out most
of what a real system takes; do not read a ratio to Loihi's figures as a measurement:
"""
