"""Reverse-mode differentiation: tapes, the backward pass and derived gradients. Knows no op by name but a few helpers."""
