# mypy: disallow-untyped-decorators=False
"""tf.function: traces, signatures, retracing, state and concrete functions.

    python examples/guides/functions.py

`guide` takes the framework, so that the tests run it under Headrace and under TensorFlow alike.
"""

from __future__ import annotations

from typing import Any


def guide(tf: Any) -> dict[str, Any]:
    """What the program shows, by title."""
    found: dict[str, Any] = {}
    traces: list[str] = []

    @tf.function
    def area(width: Any, height: Any) -> Any:
        traces.append(width.dtype.name)  # Python runs while the function is traced, and then no more
        return width * height

    found["areas"] = [
        area(tf.constant(2), tf.constant(3)),
        area(tf.constant(4), tf.constant(5)),
        area(tf.constant(0.5), tf.constant(4.0)),
    ]
    found["traces, one a dtype"] = tf.constant(traces)

    # A signature makes one trace do for every length.
    calls: list[int] = []

    def spread(values: Any) -> Any:
        calls.append(1)
        return tf.reduce_max(values) - tf.reduce_min(values)

    compiled = tf.function(spread, input_signature=[tf.TensorSpec([None], tf.float32)])
    found["spreads"] = tf.stack([compiled(tf.constant([1.0, 5.0])), compiled(tf.constant([2.0, 2.5, 9.0, -1.0]))])
    found["traces with a signature"] = tf.constant(len(calls))

    # A Python number is part of the signature: each one has a trace of its own.
    @tf.function
    def power(x: Any, n: int) -> Any:
        result = tf.ones_like(x)
        for _ in range(n):
            result *= x
        return result

    found["powers"] = tf.stack([power(tf.constant(3.0), n) for n in (0, 1, 2, 2)])
    found["traces of powers"] = tf.constant(power.experimental_get_tracing_count())

    # State lives in variables, which are made once.
    class Counter(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.total = tf.Variable(0.0)

        @tf.function
        def add(self, amount: Any) -> Any:
            return self.total.assign_add(tf.reduce_sum(amount))

    counter = Counter()
    found["running totals"] = [counter.add(tf.constant([1.0, 2.0])) + 0.0, counter.add(tf.constant([4.0])) + 0.0]

    # A concrete function is one trace by itself.
    concrete = area.get_concrete_function(tf.TensorSpec([None], tf.float32), tf.TensorSpec([], tf.float32))
    found["concrete"] = concrete(tf.constant([1.0, 2.0, 3.0]), tf.constant(10.0))
    found["variables of add"] = tf.constant(len(counter.trainable_variables))
    return found


if __name__ == "__main__":
    import headrace

    for title, value in guide(headrace).items():
        print(f"{title}: {value}")
