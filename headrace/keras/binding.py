"""Imports Keras so that its TensorFlow back end is Headrace."""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType

from headrace.compat import alias
from headrace.core.errors import FailedPreconditionError

BACK_END = "KERAS_BACKEND"
FACADE = "keras._tf_keras.keras"
"""The part of Keras that is `tf.keras`: Keras with the names that TensorFlow programs know besides."""


def bind() -> ModuleType:
    """The Keras library, running on Headrace. The name `tensorflow` is Headrace from then on.

    Raises:
        FailedPreconditionError: Keras is set to another back end, or real TensorFlow is imported already.
        ModuleNotFoundError: Keras is not installed.
    """
    wanted = os.environ.get(BACK_END) or "tensorflow"
    if wanted != "tensorflow":
        raise FailedPreconditionError(
            f"{BACK_END}={wanted} asks Keras for another back end than Headrace's, which is 'tensorflow'; unset it before the start"
        )
    os.environ[BACK_END] = wanted
    alias.install()
    try:
        facade = importlib.import_module(FACADE)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "keras":
            raise
        raise ModuleNotFoundError(
            "tf.keras is the Keras library, which is not installed; install it with: pip install 'headrace[keras]'", name="keras"
        ) from error
    backend = sys.modules["keras"].config.backend()
    if backend != "tensorflow":
        raise FailedPreconditionError(
            f"Keras was imported before with the back end {backend!r}; import headrace.keras first, or set {BACK_END}=tensorflow"
        )
    return facade
