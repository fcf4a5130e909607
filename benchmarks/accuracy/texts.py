"""What the page of accuracy says about how its figures are made."""

from __future__ import annotations

ABOUT = """\
## How it is measured

Each network is trained from several seeds by the recipe of its task, exported to integers, and run
once on the test windows. **No choice used test data**: recipes, encoders and the best epoch of each
training are chosen on validation windows, which are training subjects or training samples; the
records of all trainings that led to a recipe are linked with each task. Results stand as they came.

A difference between two models is the mean over seeds of the difference of their accuracies. It
has two 95% intervals: over seeds (Student's t, seeds minus one degrees of freedom), and over the
test subjects, or samples where no subjects are known, drawn anew with replacement. Only where both
lie on one side of zero does the table say "more" or "less accurate"; else it says that no benefit,
or no difference, is shown. That is no proof that there is none: three seeds give wide intervals,
and of few subjects the interval over the test is itself unsure. Nothing is corrected for the number
of comparisons.
"""

ARTIFICIAL = """\
The artificial networks see the same windows, the same split and the same variation of the training
windows, before spikes are made of them: signals, levels of bands, pixels or counts of events,
standardised by the training windows. Each has as many parameters as the spiking network that the
task trains by itself, within 10% where no factor stands beside them. The dense network has two
hidden layers over the whole window (neighbouring samples averaged until its first layer has 32
neurons); the CNN three convolutions in time, or of images two convolutions and a dense layer; the
GRU one layer and the mean of its states, over the rows where the window is one image. Fixed before
any test: Adam, batches of 64, a rate that rises for a twentieth of the steps and falls along a
cosine, dropout 0.2 before dense layers, gradients cut to a norm of 1, epochs that show about
120,000 windows (8 to 120). The highest rate is the best of 0.001, 0.003 and 0.01 on the validation
windows, by the first seed; the best epoch is chosen as for the spiking networks. This is a decent
baseline of the same size, not the best that is known for these data.
"""

COLUMNS = """\
- **parameters**: stored weights, delays and biases; of an artificial network all that it learns.
- **accuracy**: of the deployed integer network, or of the artificial one, in percent of the test
  windows; mean over seeds ± sample standard deviation.
- **trained**: accuracy of the network as it was trained, run by lava-dl's own dynamics on the same
  windows; **same answers**: whether all its answers are those of the integer network.
- **operations**: of a sample. A SynOp adds one weight because a spike arrived; a MAC multiplies and
  adds. They are not the same thing, and neither tells energy by itself.
- **uJ, ms**: estimated for Loihi at full speed: dynamic energy and latency of a sample, with their
  bands; static power is left out, since it depends on how often the chip is used.
- **validation**: accuracy in percent of the validation windows, at the best epoch; **core
  minutes**: of a training with its test; on its first seed an artificial network is trained with
  each rate.
"""

ENERGY = """\
An artificial network's energy is its MACs times a published figure for one, which leaves out most
of what a real system takes; do not read a ratio to Loihi's figures as a measurement:
"""
