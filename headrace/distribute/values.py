"""What a strategy hands out: values of several replicas, and datasets that are divided over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class DistributedValues:
    """One value for each replica.

    Attributes:
        values: the values, in the order of the replicas.
    """

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = tuple(values)


class DistributedDataset:
    """A dataset that is divided over the replicas of a strategy. With one replica a dataset is its own."""


class DistributedIterator:
    """An iterator over a DistributedDataset."""
