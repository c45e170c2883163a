"""Which of the two distributions is installed: `headrace`, or `headrace-slim`, which has no packages that compute.

Both are made of the same files. What decides is whether the packages are there, so that nobody is told of one that is missing by a
traceback.
"""

from __future__ import annotations

from importlib.util import find_spec

VERSION = "0.1.0"
"""Of Headrace."""

COMPUTING = ("google_crc32c", "jax", "malt", "ml_dtypes", "numpy", "scipy")
"""What `headrace` needs to compute, as it is imported."""

MISSING = tuple(name for name in COMPUTING if find_spec(name) is None)
IS_WHOLE = not MISSING
"""Decided once: what is installed while a program runs is not seen."""

SLIM_EXTRAS = frozenset({"attestations", "client", "mirror"})
"""The extras that `headrace-slim` has."""
