"""Functions that Grappler and our passes both optimize: source that takes the framework as `tf`. Values are float32."""

from __future__ import annotations

PRODUCT = "tf.matmul(x, w)"
CONV = "tf.nn.conv2d(i, k, 1, 'SAME')"
NORM = "tf.raw_ops.FusedBatchNormV3(x={}, scale=b, offset=b, mean=b, variance=b, is_training=False).y"

PRECISION = {
    "between": f"tf.exp(tf.matmul(tf.nn.relu({PRODUCT}) * 2.0, w))",
    "after-deny": f"tf.abs(tf.matmul(tf.exp({PRODUCT}) * 2.0, w))",
    "clear-after-deny": f"tf.abs(tf.matmul(tf.nn.relu(tf.exp({PRODUCT})) * 2.0, w))",
    "clear-after-deny-alone": f"tf.abs(tf.matmul(tf.nn.relu(tf.exp({PRODUCT})), w))",
    "trailing-infer": f"tf.exp(tf.tanh({PRODUCT}) * 3.0)",
    "trailing-clear": f"tf.exp(tf.transpose(tf.nn.relu({PRODUCT})))",
    "leading-clear": "tf.exp(tf.matmul(tf.transpose(tf.nn.relu(x)), w))",
    "leading-infer": "tf.exp(tf.matmul(tf.tanh(x), w))",
    "softmax": f"tf.exp(tf.matmul(tf.nn.softmax({PRODUCT}), w))",
    "mean": f"tf.exp(tf.matmul({PRODUCT} - tf.reduce_mean({PRODUCT}, 1, keepdims=True), w))",
    "unlisted": f"tf.exp(tf.matmul(tf.cos({PRODUCT}), w))",
    "two-paths": f"tf.exp(tf.matmul(tf.tanh({PRODUCT}) + tf.exp({PRODUCT}), w))",
    "convolution": f"tf.exp(tf.nn.conv2d(tf.nn.relu(tf.nn.bias_add({CONV}, b)), k, 1, 'SAME'))",
    "normalization": f"tf.exp(tf.nn.conv2d({NORM.format(CONV)}, k, 1, 'SAME'))",
    "pooling": f"tf.exp(tf.nn.conv2d(tf.nn.max_pool2d({CONV}, 2, 2, 'SAME'), k, 1, 'SAME'))",
    "shape": f"tf.exp(tf.reshape({PRODUCT}, tf.shape(x)))",
    "comparison": f"tf.where(tf.greater({PRODUCT}, 0.5), x, w)",
    "einsum": "tf.exp(tf.einsum('ij,jk->ik', x, w))",
    "batch": "tf.exp(tf.matmul(tf.stack([x, x]), tf.stack([w, w])))",
    "float64": "tf.exp(tf.matmul(tf.cast(x, tf.float64), tf.cast(w, tf.float64)))",
}
UNARY = """
abs math.ceil cos nn.elu math.erf math.erfc exp math.expm1 math.floor nn.leaky_relu math.log math.log1p nn.log_softmax negative
math.reciprocal nn.relu nn.relu6 math.rint round math.rsqrt nn.selu sigmoid sign nn.softmax nn.softplus nn.softsign sqrt square
tanh identity transpose
"""
for _name in UNARY.split():
    PRECISION[f"{_name}-between"] = f"tf.cos(tf.matmul(tf.{_name}({PRODUCT}), w))"
    PRECISION[f"{_name}-before"] = f"tf.cos(tf.matmul(tf.{_name}(x), w))"
    PRECISION[f"{_name}-denied"] = f"tf.cos(tf.matmul(tf.tanh(tf.{_name}({PRODUCT})), w))"
"""For auto mixed precision: x, w [8, 8]; i [2, 8, 8, 8]; k [3, 3, 8, 8]; b [8]."""

FUSION = {
    "convolution-bias": f"tf.abs(tf.nn.bias_add({CONV}, b))",
    "convolution-relu": f"tf.abs(tf.nn.relu(tf.nn.bias_add({CONV}, b)))",
    "convolution-relu6": f"tf.abs(tf.nn.relu6(tf.nn.bias_add({CONV}, b)))",
    "convolution-elu": f"tf.abs(tf.nn.elu(tf.nn.bias_add({CONV}, b)))",
    "convolution-leaky": f"tf.abs(tf.nn.leaky_relu(tf.nn.bias_add({CONV}, b), 0.3))",
    "convolution-normalization": f"tf.abs({NORM.format(CONV)})",
    "convolution-normalization-relu": f"tf.abs(tf.nn.relu({NORM.format(CONV)}))",
    "convolution-residual": f"tf.abs(tf.nn.bias_add({CONV}, b) + i)",
    "convolution-residual-relu": f"tf.abs(tf.nn.relu(tf.nn.bias_add({CONV}, b) + i))",
    "product-bias": f"tf.abs(tf.nn.bias_add({PRODUCT}, b))",
    "product-relu": f"tf.abs(tf.nn.relu(tf.nn.bias_add({PRODUCT}, b)))",
    "product-elu": f"tf.abs(tf.nn.elu(tf.nn.bias_add({PRODUCT}, b)))",
    "product-leaky": f"tf.abs(tf.nn.leaky_relu(tf.nn.bias_add({PRODUCT}, b), 0.3))",
    "product-tanh": f"tf.abs(tf.nn.tanh(tf.nn.bias_add({PRODUCT}, b)))",
    "product-gelu": f"tf.abs(tf.nn.gelu(tf.nn.bias_add({PRODUCT}, b), False))",
    "product-gelu-tanh": f"tf.abs(tf.nn.gelu(tf.nn.bias_add({PRODUCT}, b), True))",
}
"""For the remapper."""

SHAPES = {"x": [8, 8], "w": [8, 8], "i": [2, 8, 8, 8], "k": [3, 3, 8, 8], "b": [8]}
