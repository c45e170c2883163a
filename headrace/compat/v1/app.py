"""tf.compat.v1.app."""

from headrace.compat.behavior import run_program as run
