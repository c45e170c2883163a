"""A graph network for citations: neighbours' messages by segment sums, layers that share the edges, and a softmax over kinds."""

import keras
import numpy as np
import tensorflow as tf

PAPERS, KINDS, WORDS = 120, 3, 20
source = np.random.default_rng(30)
kinds = source.integers(0, KINDS, PAPERS)
edges = []
while len(edges) < 500:
    a, b = source.integers(0, PAPERS, 2)
    if a != b and (kinds[a] == kinds[b] or source.uniform() < 0.15):
        edges.append((a, b))
edges = np.array(edges).T
features = (source.uniform(size=(PAPERS, WORDS)) < 0.1).astype("float32")
features[np.arange(PAPERS), kinds] = (source.uniform(size=PAPERS) < 0.4).astype("float32")


class GraphConvolution(keras.layers.Layer):
    """Adds the mean of what its neighbours say to what a node says itself."""

    def __init__(self, units, edges, **options):
        super().__init__(**options)
        self.itself = keras.layers.Dense(units, activation="relu")
        self.neighbours = keras.layers.Dense(units, use_bias=False)
        self.edges = tf.constant(edges, tf.int32)

    def call(self, nodes):
        messages = tf.gather(self.neighbours(nodes), self.edges[1])
        mean = tf.math.unsorted_segment_mean(messages, self.edges[0], num_segments=PAPERS)
        return tf.nn.l2_normalize(self.itself(nodes) + mean, axis=-1)


class GraphModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.second = GraphConvolution(16, edges), GraphConvolution(16, edges)
        self.drop = keras.layers.Dropout(0.3)
        self.last = keras.layers.Dense(KINDS)
        self.nodes = tf.constant(features)

    def call(self, papers, training=False):
        x = self.drop(self.first(self.nodes), training=training)
        x = x + self.second(x)
        return tf.gather(self.last(x), papers)


papers = np.arange(PAPERS)
train, test = papers[:80], papers[80:]
model = GraphModel()
model.compile(
    keras.optimizers.Adam(0.02),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["sparse_categorical_accuracy"],
)
print(f"first loss = {model.evaluate(test, kinds[test], batch_size=40, verbose=0)[0]:.6f}")
history = model.fit(train, kinds[train], batch_size=40, epochs=10, verbose=0).history
print(f"first epoch = {history['loss'][0]:.6f}")
print(f"last epoch = {history['loss'][-1]:.4f}")
print("learned =", history["sparse_categorical_accuracy"][-1] > 0.7)
degree = tf.math.bincount(tf.constant(edges[0], tf.int32), minlength=PAPERS)
print("degrees =", degree[:8].numpy().tolist())
print("parameters =", model.count_params())
