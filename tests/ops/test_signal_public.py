"""tf.signal's frames and windows against real TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import headrace as tf
from headrace.core.errors import InvalidArgumentError
from tests.ops import public
from tests.ops.public import Call

X = np.random.RandomState(2).uniform(-1, 1, (2, 61)).astype(np.float32)
CALLS = public.identified(
    [
        *[Call(f"signal.{w}_window", (n,), {"periodic": p}) for w in ("hann", "hamming") for n in (1, 8, 9) for p in (True, False)],
        *[Call("signal.kaiser_window", (n, b), atol=1e-4) for n in (1, 8, 9) for b in (5.0, 12.0)],
        *[Call("signal.vorbis_window", (n,)) for n in (8, 9)],
        *[
            Call("signal.frame", (X, *sizes), {"pad_end": p, "pad_value": 0.5})
            for sizes in ((8, 3), (5, 9), (70, 4))
            for p in (False, True)
        ],
        Call("signal.frame", (X, 2, 1), {"axis": 0}),
        *[Call("signal.overlap_and_add", (X[:, :60].reshape(2, 6, 10), step)) for step in (3, 10, 12)],
        *[Call("signal.stft", (X, 16, 5), {"fft_length": n, "pad_end": p}, atol=1e-4) for n in (None, 20) for p in (False, True)],
        Call("signal.stft", (X.astype(np.float64), 10, 4), {"window_fn": None}, atol=1e-10),
        *[
            Call("signal.inverse_stft", (np.fft.rfft(X[:, :48].reshape(2, 6, 8), n=16).astype(np.complex64), n, 4, 16), atol=1e-4)
            for n in (12, 16, 18)
        ],
    ]
)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Real TensorFlow's results."""
    return public.ask(CALLS, tmp_path_factory.mktemp("signal"))


@pytest.mark.interop
@pytest.mark.parametrize("key", CALLS)
def test_public_function(key: str, answers: dict[str, Any]) -> None:
    public.check(CALLS[key], answers[key])


def test_inverse_gives_the_signal_back() -> None:
    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32)])
    def there_and_back(x: Any) -> Any:
        return tf.signal.inverse_stft(tf.signal.stft(x, 16, 4), 16, 4, window_fn=tf.signal.inverse_stft_window_fn(4))

    back = there_and_back(tf.constant(X)).numpy()
    np.testing.assert_allclose(back[:, 16:-16], X[:, 16 : back.shape[1] - 16], atol=1e-5)


def test_bad_input() -> None:
    with pytest.raises(InvalidArgumentError, match="frame_step must be above 0; got 0"):
        tf.signal.frame(X, 4, 0)
    with pytest.raises(InvalidArgumentError, match="axis 2 is out of range"):
        tf.signal.frame(X, 4, 1, axis=2)
    with pytest.raises(InvalidArgumentError, match="floating dtype"):
        tf.signal.hann_window(4, dtype=tf.int32)
