"""tf.signal: Fourier transforms."""

from headrace.ops.math.fourier import fft2d_op as fft2d
from headrace.ops.math.fourier import fft3d_op as fft3d
from headrace.ops.math.fourier import fft_op as fft
from headrace.ops.math.fourier import ifft2d_op as ifft2d
from headrace.ops.math.fourier import ifft3d_op as ifft3d
from headrace.ops.math.fourier import ifft_op as ifft
from headrace.ops.math.fourier import irfft2d as irfft2d
from headrace.ops.math.fourier import irfft as irfft
from headrace.ops.math.fourier import rfft2d as rfft2d
from headrace.ops.math.fourier import rfft as rfft
