"""Dynamic loss scales, and for each the steps that it sees: whether their gradients are finite."""

from __future__ import annotations

from typing import Any

CASES: dict[str, tuple[dict[str, Any], str]] = {
    "grows": ({"initial_loss_scale": 8, "increment_period": 3, "multiplier": 2.0}, "fffffff"),
    "shrinks": ({"initial_loss_scale": 8, "increment_period": 3, "multiplier": 4.0}, "nnnn"),
    "counts-anew": ({"initial_loss_scale": 8, "increment_period": 3, "multiplier": 2.0}, "ffnfffnf"),
    "every-step": ({"initial_loss_scale": 1, "increment_period": 1, "multiplier": 1.5}, "fffnfn"),
    "stays-finite": ({"initial_loss_scale": 3e38, "increment_period": 1, "multiplier": 2.0}, "ffn"),
    "defaults": ({}, "fnf"),
}
"""Arguments, and a letter a step: f finite, n not."""
