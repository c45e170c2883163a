"""Derivatives with tf.GradientTape: second order, Jacobians, Hessians, gradients of one's own and forward mode."""

import tensorflow as tf

x = tf.Variable(3.0)
with tf.GradientTape() as outer:
    with tf.GradientTape() as inner:
        y = x**3 + tf.sin(x)
    first = inner.gradient(y, x)
second = outer.gradient(first, x)
print(f"first derivative = {float(first):.6f}")
print(f"second derivative = {float(second):.6f}")

# The Jacobian of a small layer, and what its rows add up to.
weights = tf.constant([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])
inputs = tf.constant([[1.0, 2.0], [3.0, -1.0]])
with tf.GradientTape(persistent=True) as tape:
    tape.watch(inputs)
    outputs = tf.nn.softmax(inputs @ weights)
jacobian = tape.jacobian(outputs, inputs)
per_example = tape.batch_jacobian(outputs, inputs)
print("jacobian shape =", jacobian.shape.as_list())
print("per example =", [[round(float(v), 6) for v in row] for row in tf.reshape(per_example, [2, 6])])


def rosenbrock(point):
    return (1.0 - point[0]) ** 2 + 100.0 * (point[1] - point[0] ** 2) ** 2


# Newton's method: every step solves with the Hessian.
point = tf.Variable([-1.2, 1.0])
for _ in range(6):
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            value = rosenbrock(point)
        gradient = inner.gradient(value, point)
    hessian = outer.jacobian(gradient, point)
    point.assign_sub(tf.linalg.solve(hessian, gradient[:, tf.newaxis])[:, 0])
print("minimum =", [round(float(v), 4) for v in point])


@tf.custom_gradient
def clipped_identity(value):
    """The value itself, whose gradient is kept between -1 and 1."""

    def gradient(upstream):
        return tf.clip_by_value(upstream, -1.0, 1.0)

    return tf.identity(value), gradient


v = tf.constant(2.0)
with tf.GradientTape() as tape:
    tape.watch(v)
    scaled = 5.0 * clipped_identity(v)
print("clipped gradient =", float(tape.gradient(scaled, v)))

with tf.GradientTape(watch_accessed_variables=False) as tape:
    untouched = x * 2.0
print("not watched =", tape.gradient(untouched, x) is None)

with tf.autodiff.ForwardAccumulator(primals=inputs, tangents=tf.ones_like(inputs)) as forward:
    outputs = tf.math.log1p(tf.exp(inputs))
print("directional =", [round(float(v), 6) for v in tf.reshape(forward.jvp(outputs), [-1])])
