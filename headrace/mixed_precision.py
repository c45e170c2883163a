"""tf.mixed_precision: loss scaling, for what `auto_mixed_precision` computes in float16."""

from headrace.state.loss_scale import DynamicLossScale as DynamicLossScale
from headrace.state.loss_scale import FixedLossScale as FixedLossScale
from headrace.state.loss_scale import LossScale as LossScale
