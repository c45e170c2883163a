"""tf.keras: the Keras 3 library, with its TensorFlow back end on Headrace."""

from typing import Any

from headrace.keras.binding import bind as _bind

_keras = _bind()
__path__ += _keras.__path__  # so that `import headrace.keras.layers` finds Keras' modules
__version__ = _keras.__version__

globals().update({name: value for name, value in vars(_keras).items() if not name.startswith("_")})


def __getattr__(name: str) -> Any:
    return getattr(_keras, name)
