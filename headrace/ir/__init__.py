"""The graph: nodes in execution order, values between them, functions as attributes. No protobuf, no JAX."""
