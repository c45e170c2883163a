"""tf.nn: neural networks."""

from headrace.ops.math.unary import sigmoid as sigmoid
from headrace.ops.math.unary import tanh as tanh
from headrace.ops.nn.activation import elu as elu
from headrace.ops.nn.activation import leaky_relu as leaky_relu
from headrace.ops.nn.activation import relu as relu
from headrace.ops.nn.activation import relu6 as relu6
from headrace.ops.nn.activation import selu as selu
from headrace.ops.nn.activation import softplus as softplus
from headrace.ops.nn.activation import softsign as softsign
from headrace.ops.nn.convolution import bias_add as bias_add
from headrace.ops.nn.convolution import conv2d as conv2d
from headrace.ops.nn.convolution import conv2d_transpose as conv2d_transpose
from headrace.ops.nn.convolution import conv3d as conv3d
from headrace.ops.nn.convolution import depthwise_conv2d as depthwise_conv2d
from headrace.ops.nn.functions import dropout as dropout
from headrace.ops.nn.functions import embedding_lookup as embedding_lookup
from headrace.ops.nn.functions import gelu as gelu
from headrace.ops.nn.functions import log_softmax as log_softmax
from headrace.ops.nn.functions import silu as silu
from headrace.ops.nn.functions import silu as swish
from headrace.ops.nn.functions import softmax as softmax
from headrace.ops.nn.functions import zero_fraction as zero_fraction
from headrace.ops.nn.loss import sigmoid_cross_entropy_with_logits as sigmoid_cross_entropy_with_logits
from headrace.ops.nn.loss import softmax_cross_entropy_with_logits as softmax_cross_entropy_with_logits
from headrace.ops.nn.loss import sparse_softmax_cross_entropy_with_logits as sparse_softmax_cross_entropy_with_logits
from headrace.ops.nn.normalization import batch_normalization as batch_normalization
from headrace.ops.nn.normalization import l2_loss as l2_loss
from headrace.ops.nn.normalization import moments as moments
from headrace.ops.nn.pooling import avg_pool2d as avg_pool2d
from headrace.ops.nn.pooling import max_pool2d as max_pool2d

