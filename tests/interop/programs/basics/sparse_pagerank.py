"""PageRank over a sparse matrix: tf.sparse, a tf.while_loop that stops on its own, and segment sums that check it."""

import numpy as np
import tensorflow as tf

PAGES = 40
generator = np.random.default_rng(11)
links = np.unique(np.stack([generator.integers(0, PAGES, 160), generator.zipf(1.6, 160) % PAGES], axis=1), axis=0)
links = links[links[:, 0] != links[:, 1]]
source, target = tf.constant(links[:, 0]), tf.constant(links[:, 1])

degree = tf.math.unsorted_segment_sum(tf.ones_like(source, tf.float32), source, PAGES)
weights = 1.0 / tf.gather(degree, source)
matrix = tf.sparse.reorder(tf.sparse.SparseTensor(tf.stack([target, source], axis=1), weights, [PAGES, PAGES]))
dangling = tf.cast(degree == 0, tf.float32)


@tf.function
def rank(damping, tolerance):
    start = tf.fill([PAGES, 1], 1.0 / PAGES)

    def go_on(old, new, count):
        return tf.reduce_sum(tf.abs(old - new)) > tolerance

    def step(old, new, count):
        lost = tf.reduce_sum(new[:, 0] * dangling) / PAGES
        moved = tf.sparse.sparse_dense_matmul(matrix, new) + lost
        return new, damping * moved + (1.0 - damping) / PAGES, count + 1

    _, result, count = tf.while_loop(go_on, step, [tf.zeros_like(start), start, 0], maximum_iterations=200)
    return result[:, 0], count


ranks, count = rank(tf.constant(0.85), tf.constant(1e-5))
best = tf.math.top_k(ranks, k=5)
print("links =", len(links))
print("sum =", round(float(tf.reduce_sum(ranks)), 4))
print("best pages =", best.indices.numpy().tolist())
print("first ranks =", [round(float(v), 6) for v in best.values])
print("steps ~", int(count))
by_hand = tf.math.unsorted_segment_sum(tf.gather(ranks, source) * weights, target, PAGES)
by_matrix = tf.sparse.sparse_dense_matmul(matrix, ranks[:, tf.newaxis])[:, 0]
print("both ways =", bool(np.allclose(by_hand, by_matrix, atol=1e-6)))
ones = tf.sparse.map_values(tf.ones_like, matrix)
print("incoming =", tf.sparse.reduce_sum(ones, axis=1).numpy()[:8].astype(int).tolist())
