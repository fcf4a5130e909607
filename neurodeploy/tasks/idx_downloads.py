"""The files of MNIST and Fashion-MNIST, where they are published.

Source: addresses and md5 as torchvision 0.20 has them; for Fashion-MNIST the md5 are also in the
README of zalandoresearch/fashion-mnist. Debian's dataset-fashion-mnist holds the same values, but
its files are pressed anew and have other md5.
"""

from __future__ import annotations

from typing import Final

from neurodeploy.tasks.download import Download

MNIST_MIRRORS: Final = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
FASHION_MIRRORS: Final = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)

TRAIN_IMAGES: Final = "train-images-idx3-ubyte.gz"
TRAIN_LABELS: Final = "train-labels-idx1-ubyte.gz"
TEST_IMAGES: Final = "t10k-images-idx3-ubyte.gz"
TEST_LABELS: Final = "t10k-labels-idx1-ubyte.gz"


def _download(mirrors: tuple[str, ...], file: str, size: int, md5: str) -> Download:
    return Download(tuple(mirror + file for mirror in mirrors), file, size, f"md5:{md5}")


MNIST_DOWNLOADS: Final = (
    _download(MNIST_MIRRORS, TRAIN_IMAGES, 9912422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
    _download(MNIST_MIRRORS, TRAIN_LABELS, 28881, "d53e105ee54ea40749a09fcbcd1e9432"),
    _download(MNIST_MIRRORS, TEST_IMAGES, 1648877, "9fb629c4189551a2d022fa330f9573f3"),
    _download(MNIST_MIRRORS, TEST_LABELS, 4542, "ec29112dd5afa0611ce80d1b7f02629c"),
)
FASHION_DOWNLOADS: Final = (
    _download(FASHION_MIRRORS, TRAIN_IMAGES, 26421880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
    _download(FASHION_MIRRORS, TRAIN_LABELS, 29515, "25c81989df183df01b3e8a0aad5dffbe"),
    _download(FASHION_MIRRORS, TEST_IMAGES, 4422102, "bef4ecab320f06d8554ea6380940ec79"),
    _download(FASHION_MIRRORS, TEST_LABELS, 5148, "bb300cfdad3c16e7a12a480ee83cd310"),
)
