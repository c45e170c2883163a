# mypy: disallow-untyped-decorators=False
"""tf.Variable: creation, assignment, shapes, sharing, updates of rows, initializers and modules that own variables.

    python examples/guides/variables.py

`guide` takes the framework, so that the tests run it under Headrace and under TensorFlow alike.
"""

from __future__ import annotations

from typing import Any


def guide(tf: Any) -> dict[str, Any]:
    """What the program shows, by title."""
    found: dict[str, Any] = {}

    # A variable looks like a tensor, and is one wherever an operation takes it.
    grid = tf.Variable([[1.0, 2.0], [3.0, 4.0]], name="grid")
    found["as a tensor"] = [tf.convert_to_tensor(grid), grid + 1.0, tf.reduce_max(grid), grid[0], tf.reshape(grid, [4])]
    found["what it is"] = tf.constant([grid.name, grid.dtype.name, str(grid.shape), str(grid.trainable)])

    # Assignment keeps the memory, the shape and the dtype.
    grid.assign([[5.0, 6.0], [7.0, 8.0]])
    grid.assign_add(tf.ones([2, 2]))
    grid.assign_sub([[1.0, 0.0], [0.0, 1.0]])
    found["assigned"] = grid.read_value()
    found["refused"] = tf.constant([refusal(grid, [1.0, 2.0, 3.0]), refusal(tf.Variable(1), 2.5)])

    # A copy is another variable; a shape that is left open may change.
    copy = tf.Variable(grid)
    copy.assign(tf.zeros_like(copy))
    growing = tf.Variable([1.0], shape=tf.TensorShape([None]))
    growing.assign([1.0, 2.0, 3.0])
    found["the original, its copy, and one that grew"] = [grid.read_value(), copy.read_value(), growing.read_value()]

    # Rows are updated without touching the rest.
    table = tf.Variable(tf.zeros([4, 2]))
    table.scatter_update(tf.IndexedSlices([[1.0, 1.0], [2.0, 2.0]], [0, 2]))
    table.scatter_add(tf.IndexedSlices([[0.5, 0.5]], [2]))
    found["rows"] = [table.read_value(), table.sparse_read([2, 0])]

    return found | in_functions(tf) | with_gradients(tf) | in_modules(tf)


def refusal(variable: Any, value: Any) -> str:
    """The class of the error of an assignment that does not fit."""
    try:
        variable.assign(value)
    except (TypeError, ValueError) as error:
        return "TypeError" if isinstance(error, TypeError) else "ValueError"
    return "nothing"


def in_functions(tf: Any) -> dict[str, Any]:
    """Variables that functions change, and that they make once."""
    count = tf.Variable(0)

    @tf.function
    def step(amount: Any) -> Any:
        count.assign_add(amount)
        return count * 10

    class Scaled:
        """Makes its variable at the first call."""

        def __init__(self) -> None:
            self.scale: Any = None

        @tf.function
        def __call__(self, x: Any) -> Any:
            if self.scale is None:
                self.scale = tf.Variable(3.0)
            return x * self.scale

    scaled = Scaled()
    results = [step(tf.constant(2)), step(tf.constant(3)), count.read_value()]
    return {"changed by a function": results, "made by a function": [scaled(tf.constant(2.0)), scaled(tf.constant(4.0))]}


def with_gradients(tf: Any) -> dict[str, Any]:
    """Trainable variables are watched, others are not."""
    weight, counter = tf.Variable([1.0, 2.0]), tf.Variable([1.0, 1.0], trainable=False)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(weight * weight * counter)
    watched = tf.constant(len(tape.watched_variables()))
    gradients = tape.gradient(loss, [weight, counter], unconnected_gradients="zero")
    for variable, gradient in zip([weight], gradients, strict=False):
        variable.assign_sub(0.1 * gradient)
    return {"gradients": gradients, "watched": watched, "after a step": weight.read_value()}


def in_modules(tf: Any) -> dict[str, Any]:
    """A module finds the variables of everything that it holds."""

    class Dense(tf.Module):  # type: ignore[misc]
        """x @ weight + bias."""

        def __init__(self, inputs: int, outputs: int, name: str | None = None) -> None:
            super().__init__(name=name)
            with self.name_scope:
                self.weight = tf.Variable(tf.constant_initializer(0.5)([inputs, outputs], tf.float32), name="weight")
                self.bias = tf.Variable(tf.zeros_initializer()([outputs]), name="bias", trainable=False)

        def __call__(self, x: Any) -> Any:
            return x @ self.weight + self.bias

    class Stack(tf.Module):  # type: ignore[misc]
        """Two layers in a list."""

        def __init__(self) -> None:
            super().__init__(name="stack")
            self.layers = [Dense(2, 3, "first"), Dense(3, 1, "second")]

        def __call__(self, x: Any) -> Any:
            for layer in self.layers:
                x = tf.nn.relu(layer(x))
            return x

    stack = Stack()
    names = [variable.name for variable in stack.variables]
    return {
        "of modules": tf.constant([*names, *(module.name for module in stack.submodules)]),
        "trainable": tf.constant(len(stack.trainable_variables)),
        "called": stack(tf.constant([[1.0, 2.0]])),
    }


if __name__ == "__main__":
    import headrace

    for title, value in guide(headrace).items():
        print(f"{title}: {value}")
