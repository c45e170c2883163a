"""Conway's game of life: tensors of bits, tf.roll, and Python's `while`, `for` and `if` over tensors inside a tf.function."""

import tensorflow as tf

GLIDER = [[0, 1, 0], [0, 0, 1], [1, 1, 1]]
board = tf.pad(tf.constant(GLIDER, tf.int32), [[1, 6], [1, 6]])


@tf.function
def generation(cells):
    neighbours = tf.zeros_like(cells)
    for down in tf.range(-1, 2):
        for right in tf.range(-1, 2):
            if down != 0 or right != 0:
                neighbours += tf.roll(cells, [down, right], axis=[0, 1])
    alive = (neighbours == 3) | ((cells == 1) & (neighbours == 2))
    return tf.cast(alive, tf.int32)


@tf.function
def until_it_returns(cells, most):
    """How many generations pass until the same picture stands anywhere else on the board."""
    start = cells
    count = 0
    found = False
    while count < most and not found:
        cells = generation(cells)
        count += 1
        for shift in tf.range(1, tf.shape(cells)[0]):
            if tf.reduce_all(tf.roll(start, [shift, shift], axis=[0, 1]) == cells):
                found = True
                break
    return count, cells, found


@tf.function
def population(cells, generations):
    counts = tf.TensorArray(tf.int32, size=generations)
    for i in tf.range(generations):
        counts = counts.write(i, tf.reduce_sum(cells))
        cells = generation(cells)
    return counts.stack()


count, moved, found = until_it_returns(board, tf.constant(20))
print("generations =", int(count), bool(found))
print("alive at =", tf.where(moved).numpy().tolist())
blinker = tf.tensor_scatter_nd_update(tf.zeros([9, 9], tf.int32), [[4, 3], [4, 4], [4, 5], [3, 4]], [1, 1, 1, 1])
print("population =", population(blinker, tf.constant(9)).numpy().tolist())
for row in tf.strings.reduce_join(tf.gather([".", "#"], moved), axis=1).numpy():
    print("row =", row.decode())
