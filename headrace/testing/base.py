"""What TestCase is derived from: absl's TestCase where absl-py is installed, as TensorFlow's is, else unittest's."""

from __future__ import annotations

import unittest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Base = unittest.TestCase
else:
    try:
        from absl.testing.absltest import TestCase as Base
    except ModuleNotFoundError:
        Base = unittest.TestCase
