"""The artificial networks in torch; `sizes` says how large."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.ann.sizes import KERNEL_1D, KERNEL_2D, Plan, halved

DROPOUT = 0.2
"""Share of the values that are left out before each dense layer but the first, in training."""


class Network(nn.Module):
    """A network that takes windows, float32 (batch, channels, samples), and gives a logit a class.

    Attributes:
        plan: its kind and sizes.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.body = {"dense": _dense, "cnn": _cnn, "gru": Recurrent}[plan.kind](plan)

    def forward(self, windows: Tensor) -> Tensor:
        """Return logits (batch, classes)."""
        if self.plan.merged > 1:
            windows = nn.functional.avg_pool1d(windows, self.plan.merged, ceil_mode=True)
        logits: Tensor = self.body(self._arranged(windows))
        return logits

    def _arranged(self, windows: Tensor) -> Tensor:
        """Return the windows as the kind takes them."""
        shape, batch = self.plan.shape, len(windows)
        if self.plan.is_image and shape.grid:
            images = windows.reshape(batch, shape.planes, *shape.grid, -1)
            return images.permute(0, 1, 4, 2, 3).flatten(1, 2)
        if self.plan.by_rows and shape.grid:
            images = windows.reshape(batch, shape.planes, *shape.grid)
            return images.permute(0, 2, 1, 3).flatten(2)
        return windows.transpose(1, 2) if self.plan.kind == "gru" else windows


class Recurrent(nn.Module):
    """A GRU, the mean of its states over time, and a dense layer.

    It takes (batch, steps, values).
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        values = plan.shape.channels
        if plan.by_rows and plan.shape.grid:
            values = plan.shape.planes * plan.shape.grid[1]
        self.gru = nn.GRU(values, plan.width, batch_first=True)
        self.last = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(plan.width, plan.shape.classes))

    def forward(self, values: Tensor) -> Tensor:
        """Return logits (batch, classes)."""
        logits: Tensor = self.last(self.gru(values)[0].mean(1))
        return logits


def _dense(plan: Plan) -> nn.Module:
    width = plan.width
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(plan.shape.channels * plan.steps, width),
        nn.ReLU(),
        nn.Dropout(DROPOUT),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Dropout(DROPOUT),
        nn.Linear(width, plan.shape.classes),
    )


def _cnn(plan: Plan) -> nn.Module:
    return _of_images(plan) if plan.is_image else _of_signals(plan)


def _of_signals(plan: Plan) -> nn.Module:
    layers: list[nn.Module] = []
    before, steps = plan.shape.channels, plan.steps
    for index in range(3):
        layers += [
            nn.Conv1d(before, plan.width, KERNEL_1D, padding=KERNEL_1D // 2, bias=False),
            nn.BatchNorm1d(plan.width),
            nn.ReLU(),
        ]
        if index < 2 and halved(steps) < steps:
            layers.append(nn.MaxPool1d(2))
            steps = halved(steps)
        before = plan.width
    last = nn.Linear(plan.width, plan.shape.classes)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Dropout(DROPOUT), last)


def _of_images(plan: Plan) -> nn.Module:
    assert plan.shape.grid is not None
    layers: list[nn.Module] = []
    before, size = plan.shape.planes * plan.steps, plan.shape.grid
    for channels in (plan.width, 2 * plan.width):
        left = (halved(size[0]), halved(size[1]))
        layers += [
            nn.Conv2d(before, channels, KERNEL_2D, padding=KERNEL_2D // 2, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.MaxPool2d((1 + (left[0] < size[0]), 1 + (left[1] < size[1]))),
        ]
        before, size = channels, left
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Linear(before * size[0] * size[1], plan.hidden),
        nn.ReLU(),
        nn.Dropout(DROPOUT),
        nn.Linear(plan.hidden, plan.shape.classes),
    )


def learned(network: nn.Module) -> int:
    """Return how many numbers a network learns."""
    return sum(each.numel() for each in network.parameters())


def logits_of(network: nn.Module, windows: Tensor, batch: int = 256) -> Tensor:
    """Return the logits of many windows, in evaluation mode."""
    network.eval()
    with torch.no_grad():
        return torch.cat([network(part) for part in torch.split(windows, batch)])
