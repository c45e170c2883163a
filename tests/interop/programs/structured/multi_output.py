"""Several inputs and outputs: a support ticket's title, body and tags give a priority and a department."""

import keras
import numpy as np
from keras import layers, ops

WORDS, TAGS, DEPARTMENTS, TICKETS = 200, 6, 4, 300
generator = np.random.default_rng(8)
titles = generator.integers(1, WORDS, (TICKETS, 6))
bodies = generator.integers(1, WORDS, (TICKETS, 20))
bodies[:, 14:] = 0
tags = generator.integers(0, 2, (TICKETS, TAGS)).astype("float32")
priority = (tags[:, 0] * 0.5 + tags[:, 1] * 0.3 + 0.1).astype("float32")
department = (titles[:, 0] // 50).astype("int64")

title = keras.Input((None,), name="title", dtype="int64")
body = keras.Input((None,), name="body", dtype="int64")
tag = keras.Input((TAGS,), name="tags")
title_features = layers.GlobalAveragePooling1D()(layers.Embedding(WORDS, 12)(title))
body_features = layers.LSTM(10)(layers.Embedding(WORDS, 8, mask_zero=True)(body))
x = layers.concatenate([title_features, body_features, tag])
priority_out = layers.Dense(1, activation="sigmoid", name="priority")(x)
department_out = layers.Dense(DEPARTMENTS, name="department")(x)
model = keras.Model([title, body, tag], {"priority": priority_out, "department": department_out}, name="tickets")
model.compile(
    optimizer=keras.optimizers.RMSprop(1e-2),
    loss={"priority": "mse", "department": keras.losses.SparseCategoricalCrossentropy(from_logits=True)},
    loss_weights={"priority": 1.0, "department": 0.2},
    metrics={"priority": ["mae"], "department": ["accuracy"]},
)
print("inputs =", [t.name for t in model.inputs])
print("layers =", len(model.layers), model.count_params())
x_all = {"title": titles, "body": bodies, "tags": tags}
y_all = {"priority": priority, "department": department}
first = model.evaluate(x_all, y_all, verbose=0, return_dict=True)
for name in sorted(first):
    print(f"first {name} = {first[name]:.6f}")
history = model.fit(x_all, y_all, epochs=4, batch_size=50, verbose=0)
print(f"first epoch = {history.history['loss'][0]:.6f}")
print(f"last epoch = {history.history['loss'][-1]:.5f}")
print("keys =", sorted(history.history))
out = model.predict([titles[:3], bodies[:3], tags[:3]], verbose=0)
print("shapes =", {name: value.shape for name, value in sorted(out.items())})
departments = keras.Model(model.inputs, ops.softmax(department_out))
print("sums =", [round(float(v), 5) for v in ops.sum(departments([titles[:3], bodies[:3], tags[:3]]), axis=1)])
