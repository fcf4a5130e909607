"""Readers: files of a data set to `neurodeploy.tasks.windows.Windows`.

    hapt         HAPT, installed package or official folder; hapt_pickle reads the package's file
    uci_har      UCI HAR
    wisdm        WISDM v1.1; wisdm_2019 watch and phone
    fsdd         the Free Spoken Digit Dataset; wav reads a WAV file
    seglearn_watch  the watch data of seglearn
    allow_list   pickles, without running what they name
    mnist_like   MNIST and Fashion-MNIST; idx their files, images what readers of images share
    events       events of cameras and cochleas to counts
    tonic_events event data sets through tonic; collection what and where they are, event_files
                 what their files hold before tonic casts it, event_parts who is in which part
    nmnist_small a part of N-MNIST, without tonic
    inertial     units, channels and windows that the readers of worn sensors share
    text         number tables from text files; npz arrays from numpy's files
    search       the folder of a data set, some levels below the given one

A reader checks all that it reads and raises `InputError`, with a way out, for what it cannot read.
"""
