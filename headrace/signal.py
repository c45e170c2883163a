"""tf.signal: Fourier transforms."""

from headrace.ops.math.fourier import fft2d_op as fft2d
from headrace.ops.math.fourier import fft3d_op as fft3d
from headrace.ops.math.fourier import fft_op as fft
from headrace.ops.math.fourier import ifft2d_op as ifft2d
from headrace.ops.math.fourier import ifft3d_op as ifft3d
from headrace.ops.math.fourier import ifft_op as ifft
from headrace.ops.math.fourier import irfft as irfft
from headrace.ops.math.fourier import irfft2d as irfft2d
from headrace.ops.math.fourier import rfft as rfft
from headrace.ops.math.fourier import rfft2d as rfft2d
from headrace.ops.signal.framing import frame as frame
from headrace.ops.signal.framing import inverse_stft as inverse_stft
from headrace.ops.signal.framing import inverse_stft_window_fn as inverse_stft_window_fn
from headrace.ops.signal.framing import overlap_and_add as overlap_and_add
from headrace.ops.signal.framing import stft as stft
from headrace.ops.signal.windows import hamming_window as hamming_window
from headrace.ops.signal.windows import hann_window as hann_window
from headrace.ops.signal.windows import kaiser_window as kaiser_window
from headrace.ops.signal.windows import vorbis_window as vorbis_window
