# mypy: disallow-untyped-decorators=False
"""Random numbers: stateless ones that repeat everywhere, and seeds that make stateful ones repeat.

    python examples/guides/random_numbers.py

`guide` takes the framework, so that the tests run it under Headrace and under TensorFlow alike; only what both draw alike, or what
does not depend on the numbers drawn, is shown.
"""

from __future__ import annotations

from typing import Any


def guide(tf: Any) -> dict[str, Any]:
    """What the program shows, by title."""
    found: dict[str, Any] = {}
    seed = [7, 11]

    # The same seed gives the same numbers, on every machine and in every framework that follows the algorithm.
    found["uniform"] = tf.random.stateless_uniform([2, 3], seed)
    found["normal"] = tf.random.stateless_normal([4], seed, mean=10.0, stddev=2.0)
    found["dice"] = tf.random.stateless_uniform([10], seed, minval=1, maxval=7, dtype=tf.int32)
    found["truncated"] = tf.random.stateless_truncated_normal([5], seed)

    # A function with a seed for an argument draws the same outside and inside a graph.
    @tf.function
    def noisy(x: Any, seed: Any) -> Any:
        return x + tf.random.stateless_normal(tf.shape(x), seed, stddev=0.1)

    x = tf.linspace(0.0, 1.0, 4)
    found["noise in a graph is noise outside"] = tf.reduce_all(
        noisy(x, tf.constant(seed)) == noisy.python_function(x, tf.constant(seed))
    )

    # Stateful draws differ from call to call, and repeat after set_seed.
    tf.random.set_seed(3)
    first, second = tf.random.normal([100]), tf.random.normal([100])
    tf.random.set_seed(3)
    again = tf.random.normal([100])
    found["two draws differ"] = tf.reduce_any(first != second)
    found["a seed repeats"] = tf.reduce_all(first == again)

    # Inside a function every call draws anew.
    @tf.function
    def draw() -> Any:
        return tf.random.uniform([50])

    found["calls differ"] = tf.reduce_any(draw() != draw())

    # A shuffle keeps the elements.
    found["shuffled and sorted"] = tf.sort(tf.random.shuffle(tf.range(20)))
    return found


if __name__ == "__main__":
    import headrace

    for title, value in guide(headrace).items():
        print(f"{title}: {value}")
