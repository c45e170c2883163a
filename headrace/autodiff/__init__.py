"""tf.autodiff: tapes, forward derivatives, the backward pass and derived gradients. Knows no op by name but a few helpers."""

from headrace.autodiff.forward import ForwardAccumulator as ForwardAccumulator
from headrace.autodiff.tape import GradientTape as GradientTape
