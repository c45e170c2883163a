"""TensorFlow 1's switches and small functions: what is on already, and clear errors for what needs sessions."""

from __future__ import annotations

import sys
from typing import Any

from headrace.core import dtypes
from headrace.core.errors import UnimplementedError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor


class Refused:
    """Something of TensorFlow 1's that needs graphs built ahead and sessions: using it raises an error that says what to do.

    Args:
        name: below `tf.compat.v1`.
        instead: what to do.
    """

    def __init__(self, name: str, instead: str) -> None:
        self.__name__, self._instead = name, instead

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refused.

        Raises:
            UnimplementedError: always.
        """
        raise UnimplementedError(
            f"tf.compat.v1.{self.__name__} needs a graph that is built ahead and run by a session, which Headrace does not have;"
            f" {self._instead} (graphs-of-tensorflow-1 in docs/limitations.md)"
        )


_CALL = "call functions on tensors, compiled by tf.function"
_VARIABLE = "make a tf.Variable and keep it in a tf.Module or a layer"

Session = Refused("Session", _CALL)
InteractiveSession = Refused("InteractiveSession", _CALL)
get_default_session = Refused("get_default_session", _CALL)
disable_v2_behavior = Refused("disable_v2_behavior", "port the program with TensorFlow's migration guide")
disable_eager_execution = Refused("disable_eager_execution", "wrap the computation in a tf.function")
get_variable = Refused("get_variable", _VARIABLE)
variable_scope = Refused("variable_scope", f"{_VARIABLE}; tf.name_scope prefixes names")
global_variables = Refused("global_variables", "ask the tf.Module that owns them for its variables")
trainable_variables = Refused("trainable_variables", "ask the tf.Module that owns them for its trainable_variables")
global_variables_initializer = Refused("global_variables_initializer", "a tf.Variable has its value from the beginning")
get_default_graph = Refused("get_default_graph", "get_concrete_function of a tf.function has a graph")
Graph = Refused("Graph", "trace a tf.function, or wrap a GraphDef with tf.compat.v1.wrap_function")


def enable_eager_execution(config: Any = None, device_policy: Any = None, execution_mode: Any = None) -> None:
    """Nothing: ops always run at once outside of functions."""


def enable_v2_behavior() -> None:
    """Nothing: it is on."""


def enable_v2_tensorshape() -> None:
    """Nothing: it is on."""


def enable_resource_variables() -> None:
    """Nothing: it is on."""


def enable_tensor_equality() -> None:
    """Nothing: it is on."""


def enable_control_flow_v2() -> None:
    """Nothing: it is on."""


def is_on() -> bool:
    """True: what programs ask of TensorFlow 2's behaviour is on."""
    return True


def assign(ref: Any, value: Any, validate_shape: Any = None, use_locking: Any = None, name: str | None = None) -> Any:
    """Gives a variable a value."""
    return ref.assign(value)


def assign_add(ref: Any, value: Any, use_locking: Any = None, name: str | None = None) -> Any:
    """Adds to a variable."""
    return ref.assign_add(value)


def assign_sub(ref: Any, value: Any, use_locking: Any = None, name: str | None = None) -> Any:
    """Subtracts from a variable."""
    return ref.assign_sub(value)


def to_float(x: Any, name: str = "ToFloat") -> Tensor:
    """x as float32."""
    return get("Cast")(x, DstT=dtypes.float32, name=name)


def to_double(x: Any, name: str = "ToDouble") -> Tensor:
    """x as float64."""
    return get("Cast")(x, DstT=dtypes.float64, name=name)


def to_int32(x: Any, name: str = "ToInt32") -> Tensor:
    """x as int32."""
    return get("Cast")(x, DstT=dtypes.int32, name=name)


def to_int64(x: Any, name: str = "ToInt64") -> Tensor:
    """x as int64."""
    return get("Cast")(x, DstT=dtypes.int64, name=name)


def to_bfloat16(x: Any, name: str = "ToBFloat16") -> Tensor:
    """x as bfloat16."""
    return get("Cast")(x, DstT=dtypes.bfloat16, name=name)


def div(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y; of integers the quotient rounded down."""
    left = convert_to_tensor(x, None if not hasattr(y, "dtype") or hasattr(x, "dtype") else y.dtype)
    right = convert_to_tensor(y, None if hasattr(y, "dtype") else left.dtype)
    return get("FloorDiv" if left.dtype.is_integer else "RealDiv")(left, right, name=name)


def run_program(main: Any = None, argv: Any = None) -> None:
    """Parses absl's flags where the program has defined any, then ends the program with what `main(argv)` returns."""
    entry = main or sys.modules["__main__"].main
    absl_flags = sys.modules.get("absl.flags")
    arguments = list(sys.argv if argv is None else argv)
    sys.exit(entry(arguments if absl_flags is None else absl_flags.FLAGS(arguments)))
