"""tensorflow.python.framework.config: whether results must repeat exactly."""


class _Determinism:
    asked = False


def enable_op_determinism() -> None:
    """Asks that results repeat exactly, which those of XLA's CPU code always do."""
    _Determinism.asked = True


def disable_op_determinism() -> None:
    """Ends that."""
    _Determinism.asked = False


def is_op_determinism_enabled() -> bool:
    """True while it is asked for."""
    return _Determinism.asked
