"""The logger that TensorFlow's programs adjust."""

import logging


def get_logger() -> logging.Logger:
    """The logger `tensorflow`."""
    return logging.getLogger("tensorflow")
