"""Readers of datasets, which return a `neurodeploy.data.dataset.Dataset`.

    uci_har, hapt, wisdm   worn sensors; `inertial` has their common code
    tonic_events           event datasets through tonic; `events` counts the events
    files                  common code: folders, tables, arrays, progress

A reader validates everything and raises `InputError` with advice. A reader that only one task uses
is in the task's module.
"""
