"""tf.keras is the Keras library on Headrace; where it cannot be, the error says what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import headrace as tf

pytestmark = pytest.mark.usefixtures("tensorflow_is_headrace")

ROOT = Path(__file__).parents[2]


def run(source: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", source],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env={"PATH": "", **environment},
        check=False,
    )


def test_keras_is_the_library() -> None:
    done = run(
        "import headrace as tf\n"
        "from headrace.keras import layers\n"
        "from headrace.keras.layers import Dense\n"
        "import keras, tensorflow\n"
        "assert layers.Dense is Dense is keras.layers.Dense is tf.keras.layers.Dense is tensorflow.keras.layers.Dense\n"
        "print(keras.config.backend(), tf.keras.__version__ == keras.__version__, type(Dense(2)(tf.ones([1, 3]))).__module__)"
    )
    assert done.stdout.split() == ["tensorflow", "True", "headrace.dispatch.tensor"], done.stderr


def test_programs_import_it_as_they_do_tensorflows() -> None:
    done = run(
        "import headrace.compat; headrace.compat.install()\n"
        "from tensorflow import keras\n"
        "from tensorflow.keras import layers, models\n"
        "import tensorflow.keras.backend as K\n"
        "print(models.Sequential([layers.Dense(1)])(keras.ops.ones((2, 3))).shape, K.floatx())"
    )
    assert done.stdout == "(2, 1) float32\n", done.stderr


def test_another_back_end_is_refused() -> None:
    done = run("import headrace as tf; tf.keras", KERAS_BACKEND="jax")
    assert done.returncode == 1
    assert "KERAS_BACKEND=jax asks Keras for another back end than Headrace's, which is 'tensorflow'" in done.stderr


def test_without_keras_the_error_says_what_to_install() -> None:
    done = run("import sys; sys.modules['keras'] = None\nimport headrace as tf; tf.keras")
    assert "install it with: pip install 'headrace[keras]'" in done.stderr


def test_importing_headrace_does_not_import_keras() -> None:
    assert run("import headrace, sys; print('keras' in sys.modules)").stdout == "False\n"


@pytest.mark.parametrize("jit_compile", [True, False])
@pytest.mark.parametrize("steps_per_execution", [1, 3])
def test_fit_evaluate_and_predict(jit_compile: bool, steps_per_execution: int) -> None:
    keras = tf.keras
    keras.utils.set_random_seed(1)
    x = np.random.default_rng(0).normal(size=(70, 4)).astype(np.float32)
    y = x @ np.float32([[1.0], [-2.0], [0.5], [3.0]])
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=jit_compile, steps_per_execution=steps_per_execution)
    history = model.fit(x, y, batch_size=16, epochs=8, verbose=0).history["loss"]
    assert history[-1] < 0.01 * history[0]
    assert model.evaluate(x, y, verbose=0) < 0.01 * history[0]
    assert model.predict(x, verbose=0).shape == (70, 1)


def test_many_rows_are_predicted_in_order() -> None:
    """Keras cuts its numbers into batches in a flat_map; so many of them are no longer kept as small host tensors."""
    x = np.random.default_rng(0).normal(size=(40_000, 2))
    model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1, use_bias=False)])
    np.testing.assert_allclose(model.predict(x, verbose=0), x @ model.get_weights()[0], rtol=1e-4, atol=1e-5)


def test_nan_ends_training() -> None:
    keras = tf.keras
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.full((64, 2), np.nan, np.float32)
    history = model.fit(x, x[:, :1], batch_size=8, epochs=3, callbacks=[keras.callbacks.TerminateOnNaN()], verbose=0)
    assert len(history.history["loss"]) == 1
