# mypy: disallow-untyped-decorators=False
"""Python statements as graph control flow: a sieve, a clipped walk, Newton's method and a letter counter.

    python examples/guides/autograph.py

`guide` takes the framework, so that the tests run it under Headrace and under TensorFlow alike.
"""

from __future__ import annotations

from typing import Any


def guide(tf: Any) -> dict[str, Any]:
    """What the program shows, by title."""
    found: dict[str, Any] = {}

    @tf.function
    def primes(limit: Any) -> Any:
        """A sieve: loops over tensors with `continue`, and a tensor that is updated in place of a list."""
        is_prime = tf.ones([limit], tf.bool)
        is_prime = tf.tensor_scatter_nd_update(is_prime, [[0], [1]], [False, False])
        for number in tf.range(2, limit):
            if not is_prime[number]:
                continue
            multiples = tf.range(number * number, limit, number)
            is_prime = tf.tensor_scatter_nd_update(is_prime, multiples[:, None], tf.zeros_like(multiples, tf.bool))
        return tf.reshape(tf.where(is_prime), [-1])

    found["primes below 50"] = primes(tf.constant(50))

    @tf.function
    def newton(target: Any) -> tuple[Any, Any]:
        """A root by Newton's method: `while` with `break`, and two results."""
        guess, steps = target, 0
        while steps < 50:
            following = 0.5 * (guess + target / guess)
            if tf.abs(following - guess) < 1e-6:
                break
            guess = following
            steps += 1
        return guess, steps

    found["square root of 10"], found["steps"] = newton(tf.constant(10.0))

    @tf.function
    def walk(moves: Any) -> Any:
        """Every position of a walk that may not leave [-2, 2], kept in a TensorArray."""
        position = tf.constant(0)
        places = tf.TensorArray(tf.int32, size=0, dynamic_size=True)
        for i in tf.range(tf.shape(moves)[0]):
            if moves[i] > 0 and position < 2:
                position += 1
            elif moves[i] < 0 and position > -2:
                position -= 1
            places = places.write(i, position)
        return places.stack()

    found["walk"] = walk(tf.constant([1, 1, 1, -1, 0, -1, -1, -1, -1, -1]))

    return found | _pieces(tf)


def _pieces(tf: Any) -> dict[str, Any]:
    """A branch, its gradient, and how often it was traced."""
    found: dict[str, Any] = {}

    @tf.function
    def piecewise(x: Any) -> Any:
        """A function in pieces; its gradient is that of the piece that ran."""
        if x < 0.0:
            return x * x
        elif x < 1.0:
            return tf.sin(x)
        return tf.math.log(x) + 2.0

    slopes = []
    for value in (-1.5, 0.5, 4.0):
        x = tf.constant(value)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = piecewise(x)
        slopes.append(tape.gradient(y, x))
    found["slopes of the pieces"] = tf.stack(slopes)
    found["one trace for all of them"] = tf.constant(piecewise.experimental_get_tracing_count())
    return found


if __name__ == "__main__":
    import headrace

    for title, value in guide(headrace).items():
        print(f"{title}: {value}")
