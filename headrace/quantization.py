"""tf.quantization: real numbers as integers, and quantization simulated in floating point."""

from headrace.ops.quantization.fake import fake_quant_with_min_max_args as fake_quant_with_min_max_args
from headrace.ops.quantization.fake import fake_quant_with_min_max_args_gradient as fake_quant_with_min_max_args_gradient
from headrace.ops.quantization.fake import fake_quant_with_min_max_vars as fake_quant_with_min_max_vars
from headrace.ops.quantization.fake import fake_quant_with_min_max_vars_gradient as fake_quant_with_min_max_vars_gradient
from headrace.ops.quantization.fake import fake_quant_with_min_max_vars_per_channel as fake_quant_with_min_max_vars_per_channel
from headrace.ops.quantization.fake import (
    fake_quant_with_min_max_vars_per_channel_gradient as fake_quant_with_min_max_vars_per_channel_gradient,
)
from headrace.ops.quantization.integers import dequantize as dequantize
from headrace.ops.quantization.integers import quantize as quantize
from headrace.ops.quantization.simulated import quantize_and_dequantize as quantize_and_dequantize
from headrace.ops.quantization.simulated import quantize_and_dequantize_v2 as quantize_and_dequantize_v2
