"""tf.compat.v1.train: TensorFlow 1's optimizers."""

from headrace.state.slot_optimizers import AdadeltaOptimizer as AdadeltaOptimizer
from headrace.state.slot_optimizers import AdagradOptimizer as AdagradOptimizer
from headrace.state.slot_optimizers import AdamOptimizer as AdamOptimizer
from headrace.state.slot_optimizers import GradientDescentOptimizer as GradientDescentOptimizer
from headrace.state.slot_optimizers import MomentumOptimizer as MomentumOptimizer
from headrace.state.slot_optimizers import RMSPropOptimizer as RMSPropOptimizer
from headrace.state.slot_optimizers import SlotOptimizer as Optimizer
