"""Readers: files of a dataset to `neurodeploy.tasks.dataset.Dataset`.

    hapt, uci_har, wisdm, wisdm_2019, seglearn_watch   worn sensors; inertial what these share
    fsdd         the Free Spoken Digit Dataset
    mnist_like   MNIST and Fashion-MNIST; images what readers of images share
    tonic_events event datasets through tonic, checked before it casts them; collection where they
                 are; events their counts
    nmnist_small a part of N-MNIST, without tonic
    allow_list   pickles, without running what they name
    text, npz    number tables from text files, arrays from numpy's files
    search       the folder of a dataset, some levels below the given one

A reader checks all that it reads and raises `InputError`, with a way out, for what it cannot read.
"""
