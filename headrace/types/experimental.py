"""tf.types.experimental: what functions are instances of."""

from headrace.core.spec import TypeSpec as TraceType
from headrace.dispatch.convert import TensorLike as TensorLike
from headrace.trace.concrete import ConcreteFunction as ConcreteFunction
from headrace.trace.function import Function as GenericFunction
from headrace.trace.function import Function as PolymorphicFunction
