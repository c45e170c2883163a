"""How an op is declared and run: OpDef and `@op`, the registry, Tensor, conversion, and the executor in charge.

Everything that computes goes through one door: `OpDef.__call__` hands the call to the executor of the current thread.
The eager executor (runtime/) runs the kernel; the graph builder (trace/) records a node. Nothing here knows either.
"""
