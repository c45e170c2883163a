"""The models of benchmarks/models.py, small."""

from __future__ import annotations

from collections.abc import Callable

import headrace as tf
from benchmarks import models


class ResNet(models.ResNet50):
    """Three of the blocks of ResNet-50: with and without a shortcut convolution, with and without a stride."""

    STAGES = ((64, 1), (128, 2))


SMALL: dict[str, Callable[[], models.Model]] = {
    "mlp": lambda: models.Mlp(tf, (12, 16, 16, 5)),
    "cnn": lambda: models.Cnn(tf),
    "encoder": lambda: models.Encoder(tf, layers=2, width=16, heads=2, length=8, vocabulary=20),
    "resnet": lambda: ResNet(tf, side=32, classes=10),
}
