# mypy: disallow-untyped-decorators=False
"""Automatic differentiation and variables: a line fitted by hand, higher orders, Jacobians, own gradients, stopped gradients.

    python examples/guides/gradients.py

`guide` takes the framework, so that the tests run it under Headrace and under TensorFlow alike.
"""

from __future__ import annotations

from typing import Any


def guide(tf: Any) -> dict[str, Any]:
    """What the program shows, by title."""
    found: dict[str, Any] = {}

    # A line through points, by gradient descent on two variables.
    x = tf.linspace(-1.0, 1.0, 21)
    y = 3.0 * x - 0.5
    slope, offset = tf.Variable(0.0, name="slope"), tf.Variable(0.0, name="offset")

    @tf.function
    def descend(rate: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((slope * x + offset - y) ** 2)
        for variable, gradient in zip((slope, offset), tape.gradient(loss, [slope, offset]), strict=True):
            variable.assign_sub(rate * gradient)
        return loss

    losses = [descend(tf.constant(0.3)) for _ in range(60)]
    found["losses"] = tf.stack(losses[::20])
    found["line"] = tf.stack([slope.read_value(), offset.read_value()])

    # Gradients of gradients: nested tapes.
    point = tf.constant(0.7)
    with tf.GradientTape() as outer:
        outer.watch(point)
        with tf.GradientTape() as inner:
            inner.watch(point)
            height = tf.sin(point) * point**3
        first = inner.gradient(height, point)
    found["first and second derivative"] = tf.stack([first, outer.gradient(first, point)])

    # One tape for several gradients, and a Jacobian.
    vector = tf.constant([1.0, 2.0, 3.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(vector)
        squares = vector**2
        mixed = squares * tf.reduce_sum(vector)
    found["of squares"] = tape.gradient(squares, vector)
    found["jacobian"] = tape.jacobian(mixed, vector)
    del tape

    return found | _special(tf, vector)


def _special(tf: Any, vector: Any) -> dict[str, Any]:
    """Gradients that are replaced, stopped, missing or sparse."""
    found: dict[str, Any] = {}

    # A gradient of our own: it is clipped, the value is not.
    @tf.custom_gradient
    def careful(value: Any) -> Any:
        return tf.exp(value), lambda upstream: tf.clip_by_value(upstream * tf.exp(value), -5.0, 5.0)

    steep = tf.constant([0.5, 4.0])
    with tf.GradientTape() as tape:
        tape.watch(steep)
        grown = careful(steep)
    found["clipped"] = tape.gradient(grown, steep)

    # What is stopped counts as a constant; what is not connected gives None, or zeros when asked.
    with tf.GradientTape() as tape:
        tape.watch(vector)
        product = vector * tf.stop_gradient(vector)
    found["half stopped"] = tape.gradient(product, vector)
    with tf.GradientTape() as tape:
        tape.watch([vector, steep])
        total = tf.reduce_sum(vector)
    found["not connected"] = tape.gradient(total, steep, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    # Rows of a table that are gathered get slices as gradients.
    table = tf.Variable(tf.reshape(tf.range(8.0), [4, 2]))
    with tf.GradientTape() as tape:
        picked = tf.reduce_sum(tf.gather(table, [2, 0, 2]) ** 2)
    rows = tape.gradient(picked, table)
    found["rows of the gradient"] = [rows.indices, rows.values]
    return found


if __name__ == "__main__":
    import headrace

    for title, value in guide(headrace).items():
        print(f"{title}: {value}")
