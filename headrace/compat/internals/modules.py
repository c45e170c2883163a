"""The modules of TensorFlow below its public names that libraries import, and what stands for each."""

PACKAGE = "headrace.compat.internals"

MODULES = {
    "tensorflow.compiler.tf2xla.python.xla": f"{PACKAGE}.xla",
    "tensorflow.core.util.event_pb2": f"{PACKAGE}.event_pb2",
    "tensorflow.python.data.experimental.ops.distribute": f"{PACKAGE}.data_distribute",
    "tensorflow.python.eager.context": f"{PACKAGE}.eager_context",
    "tensorflow.python.framework.config": f"{PACKAGE}.framework_config",
    "tensorflow.python.framework.tensor_util": f"{PACKAGE}.tensor_util",
    "tensorflow.python.framework.type_spec_registry": f"{PACKAGE}.type_spec_registry",
    "tensorflow.python.lib.io.tf_record": f"{PACKAGE}.tf_record",
    "tensorflow.python.ops.linalg.sparse.sparse_csr_matrix_ops": f"{PACKAGE}.csr",
    "tensorflow.python.ops.math_ops": "headrace.math",
    "tensorflow.python.trackable.data_structures": f"{PACKAGE}.data_structures",
}


def is_internal(name: str) -> bool:
    """True for the name of such a module, and of a package between it and `tensorflow`."""
    return name.count(".") > 0 and any(known == name or known.startswith(f"{name}.") for known in MODULES)
