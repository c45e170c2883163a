"""Loops as TensorFlow's own look: the first two carried values are the iteration and its limit.

TensorFlow's gradient of a While node relies on that.
"""

from __future__ import annotations

import numpy as np

from headrace.core.dtypes import int32
from headrace.core.shapes import SCALAR
from headrace.ir.graph import Graph, Value

CARRIED = (("loop_counter", 0), ("maximum_iterations", -1))
"""Names and first values of the two; -1 stands for no limit."""


def counted(graph: Graph, *, counts: bool) -> Graph:
    """A copy of a loop's condition or body that takes the two values first; a body (`counts`) gives them back, one more counted."""
    twin = graph.copy()
    added = [Value(int32, SCALAR, twin.unique_name(name)) for name, _ in CARRIED]
    twin.inputs[:0] = added
    if counts:
        one, following = Value(int32, SCALAR), Value(int32, SCALAR)
        twin.add_node("Const", [], {"value": np.array(1, np.int32), "dtype": int32}, [one], name="one")
        twin.add_node("AddV2", [added[0], one], {"T": int32}, [following], name="next_iteration")
        twin.outputs[:0] = [following, added[1]]
    return twin
