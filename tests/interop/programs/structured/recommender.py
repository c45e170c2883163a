"""Matrix factorization for recommendations: embeddings of users and films, a dot product, biases, and the best films of a user."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

USERS, FILMS, FACTORS = 40, 60, 4
generator = np.random.default_rng(2)
taste, style = generator.normal(size=(USERS, 3)), generator.normal(size=(FILMS, 3))
pairs = np.stack([generator.integers(0, USERS, 1500), generator.integers(0, FILMS, 1500)], axis=1)
ratings = np.clip(3 + np.sum(taste[pairs[:, 0]] * style[pairs[:, 1]], axis=1) * 0.6, 1, 5).astype("float32")
scaled = (ratings - 1) / 4


class Recommender(keras.Model):
    def __init__(self, users, films, factors):
        super().__init__()
        regular = keras.regularizers.L2(1e-6)
        self.users = keras.layers.Embedding(users, factors, embeddings_initializer="he_normal", embeddings_regularizer=regular)
        self.films = keras.layers.Embedding(films, factors, embeddings_initializer="he_normal", embeddings_regularizer=regular)
        self.user_bias = keras.layers.Embedding(users, 1)
        self.film_bias = keras.layers.Embedding(films, 1)

    def call(self, pairs):
        user, film = pairs[:, 0], pairs[:, 1]
        match = keras.ops.sum(self.users(user) * self.films(film), axis=1, keepdims=True)
        return keras.activations.sigmoid(match + self.user_bias(user) + self.film_bias(film))


model = Recommender(USERS, FILMS, FACTORS)
model.compile(optimizer=keras.optimizers.Adam(0.03), loss="binary_crossentropy", metrics=["mae"])
train, test = slice(0, 1200), slice(1200, None)
print(f"first loss = {model.evaluate(pairs[test], scaled[test], verbose=0)[0]:.6f}")
history = model.fit(pairs[train], scaled[train], batch_size=100, epochs=8, validation_data=(pairs[test], scaled[test]), verbose=0)
print(f"first epoch = {history.history['loss'][0]:.6f}")
print(f"last epoch = {history.history['loss'][-1]:.5f}")

user = 3
seen = set(pairs[train][pairs[train][:, 0] == user][:, 1].tolist())
candidates = np.array([film for film in range(FILMS) if film not in seen])
scores = model(np.stack([np.full_like(candidates, user), candidates], axis=1))[:, 0]
best = tf.math.top_k(scores, k=3)
print("best scores ~", [round(float(v), 3) for v in best.values])
print("not seen =", not seen & set(candidates[best.indices.numpy()].tolist()))
print("embedding rows =", list(model.users.embeddings.shape))
