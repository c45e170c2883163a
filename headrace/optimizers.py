"""tf.optimizers."""

from headrace.state.optimizers import SGD as SGD
from headrace.state.optimizers import Adam as Adam
from headrace.state.optimizers import Optimizer as Optimizer
