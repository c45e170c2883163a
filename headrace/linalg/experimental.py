"""tf.linalg.experimental."""

from headrace.trace.control.conjugate_gradient import conjugate_gradient as conjugate_gradient
