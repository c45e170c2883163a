"""Exporting for serving: model.export, ExportArchive with endpoints of its own, tf.saved_model, and the loaded functions."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

x = np.random.default_rng(28).uniform(0, 1, (32, 4)).astype("float32")
y = (x.sum(axis=1) > 2).astype("float32")
inputs = keras.Input((4,), name="features")
model = keras.Model(inputs, layers.Dense(1, activation="sigmoid", name="score")(layers.Dense(6, activation="relu")(inputs)))
model.compile("sgd", "binary_crossentropy")
print(f"first loss = {float(model.train_on_batch(x, y)):.6f}")
wanted = model.predict(x, verbose=0)

model.export("exported", verbose=False)
loaded = tf.saved_model.load("exported")
print("signatures =", sorted(loaded.signatures))
print("serve =", bool(np.allclose(loaded.serve(x), wanted, atol=1e-6)))
default = loaded.signatures["serving_default"]
print("inputs =", {name: spec.shape.as_list() for name, spec in default.structured_input_signature[1].items()})
out = default(tf.constant(x[:3]))
print("outputs =", {name: tuple(value.shape) for name, value in sorted(out.items())})
print("same =", bool(np.allclose(next(iter(out.values())), wanted[:3], atol=1e-6)))
print("one row =", loaded.serve(x[:1]).shape.as_list())

archive = keras.export.ExportArchive()
archive.track(model)
archive.add_endpoint("call", fn=model.call, input_signature=[tf.TensorSpec([None, 4], tf.float32)])


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def from_text(text):
    numbers = tf.strings.to_number(tf.strings.split(text, ","))
    return model(numbers[tf.newaxis])[0, 0]


archive.add_endpoint("from_text", fn=from_text)
archive.write_out("archive", verbose=False)
served = tf.saved_model.load("archive")
print("endpoints =", sorted(served.signatures))
print("call =", bool(np.allclose(served.call(x), wanted, atol=1e-6)))
print(f"text = {float(served.from_text(tf.constant('0.1,0.9,0.4,0.3'))):.6f}")

tf.saved_model.save(model, "plain")
plain = tf.saved_model.load("plain")
print("plain =", hasattr(plain, "signatures"), len(plain.signatures))
layer = layers.TFSMLayer("exported", call_endpoint="serve")
wrapped = keras.Sequential([keras.Input((4,)), layer])
print("as a layer =", bool(np.allclose(wrapped.predict(x, verbose=0), wanted, atol=1e-6)))


class Served(tf.Module):
    """A model together with what its inputs need first."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["low", "high"], [0.1, 0.9]), -1.0)

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.string, name="words")])
    def words(self, words):
        return {"score": self.model(self.table.lookup(words)), "known": tf.reduce_all(self.table.lookup(words) >= 0, axis=1)}


module = Served(model)
tf.saved_model.save(module, "module", signatures={"words": module.words})
answer = tf.saved_model.load("module").signatures["words"](
    words=tf.constant([["low", "high", "high", "low"], ["high", "x", "low", "low"]])
)
print("known =", answer["known"].numpy().tolist())
print("scores =", [round(float(v), 5) for v in answer["score"][:, 0]])
