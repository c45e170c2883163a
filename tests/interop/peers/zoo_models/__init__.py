"""The models of the zoo: each is declared once, by `@model`, and made under real TensorFlow."""

from __future__ import annotations

import importlib

from zoo_models.registry import MODELS as MODELS

for _family in ("applications", "keras_layers", "preprocessing", "attention", "modules", "programs", "data_in"):
    importlib.import_module(f"zoo_models.{_family}")
