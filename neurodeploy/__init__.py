"""What a person runs: train a network, export it, run it, and read what it would cost on Loihi.

train, export, report, deploy   the commands; `python -m neurodeploy` lists them; data shows what
                                there is to train on
cli                             what the commands share: errors, exit codes, progress; progress_bar;
                                paths what lies at a path that a person gave
tasks/                          data, its split and how it becomes spikes
learning/                       train a network for a task, and keep it
running/                        run a network, compare what it does, make a report of it
support                         what runs where, as the README shows it
pages/                          reports and histories as text and pictures
"""

from __future__ import annotations
