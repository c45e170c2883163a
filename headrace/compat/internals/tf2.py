"""tf.__internal__.tf2: whether the behaviour is TensorFlow 2's."""


def enabled() -> bool:
    """True: there is no other."""
    return True
