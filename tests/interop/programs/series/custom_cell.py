"""A recurrent cell of one's own in an RNN layer, stacked cells, masks of padding, and bidirectional layers."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("programs")
class MinimalCell(layers.Layer):
    """A gated unit with a single gate."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.units = units
        self.state_size = units

    def build(self, input_shape):
        size = input_shape[-1] + self.units
        self.gate = self.add_weight(shape=(size, self.units), initializer="glorot_uniform", name="gate")
        self.gate_bias = self.add_weight(shape=(self.units,), initializer="ones", name="gate_bias")
        self.candidate = self.add_weight(shape=(size, self.units), initializer="orthogonal", name="candidate")

    def call(self, inputs, states):
        state = states[0]
        joined = ops.concatenate([inputs, state], axis=1)
        gate = ops.sigmoid(ops.matmul(joined, self.gate) + self.gate_bias)
        new = ops.tanh(ops.matmul(ops.concatenate([inputs, gate * state], axis=1), self.candidate))
        output = (1 - gate) * state + gate * new
        return output, [output]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


generator = np.random.default_rng(4)
lengths = generator.integers(3, 11, 200)
x = generator.normal(size=(200, 10, 3)).astype("float32")
for row, length in zip(x, lengths):
    row[length:] = 0.0
y = np.array([row[:length, 0].sum() > 0 for row, length in zip(x, lengths)], "float32")

inputs = keras.Input((10, 3))
masked = layers.Masking(0.0)(inputs)
hidden = layers.Bidirectional(layers.RNN(MinimalCell(8), return_sequences=True), merge_mode="concat")(masked)
last = layers.RNN([MinimalCell(6), layers.SimpleRNNCell(5)])(hidden)
model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(last))
model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
print("parameters =", model.count_params())
print(f"first loss = {model.evaluate(x, y, verbose=0)[0]:.6f}")
longer = x.copy()
longer[:, -1] = 0.0
short = lengths < 10
same = np.allclose(model.predict(x[short], verbose=0), model.predict(longer[short], verbose=0))
print("padding is not seen =", same)
history = model.fit(x, y, batch_size=50, epochs=3, verbose=0).history
print(f"first epoch = {history['loss'][0]:.6f}")
print(f"last epoch = {history['loss'][-1]:.5f}")
unrolled = layers.RNN(MinimalCell(4, name="cell"), unroll=True)
rolled = layers.RNN(unrolled.cell)
print("unrolled =", bool(np.allclose(unrolled(x[:3]), rolled(x[:3]), atol=1e-6)))
copy = layers.RNN.from_config(unrolled.get_config())
print("copy =", type(copy.cell).__name__, copy.cell.units, copy.unroll)
times = layers.TimeDistributed(layers.Dense(2))(x[:2])
print("each step =", tuple(times.shape))
