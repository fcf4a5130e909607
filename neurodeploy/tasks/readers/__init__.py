"""Readers: files of a dataset to a `neurodeploy.tasks.dataset.Dataset`.

    uci_har, hapt, wisdm   worn sensors; `inertial` has what they share
    tonic_events           event datasets through tonic; `events` counts the events
    allow_list             pickles, without running code from them
    files                  what all readers share

A reader checks everything that it reads and raises `InputError`, with a way out, for what it cannot
read. A reader that one task alone uses lies in that task's module.
"""
