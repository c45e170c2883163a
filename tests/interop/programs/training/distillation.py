"""Knowledge distillation: a small student learns from a trained teacher's softened answers, with compute_loss overridden."""

import keras
import numpy as np
from keras import layers, ops

generator = np.random.default_rng(21)
x = generator.normal(size=(480, 12)).astype("float32")
y = np.argmax(np.abs(x[:, :4]) + 0.3 * x[:, 4:8], axis=1).astype("int32")


def network(units, name):
    return keras.Sequential([keras.Input((12,)), layers.Dense(units, activation="relu"), layers.Dense(4)], name=name)


class Distiller(keras.Model):
    """Trains `student` on labels and on what `teacher` says."""

    def __init__(self, student, teacher, alpha=0.3, temperature=3.0):
        super().__init__()
        self.student, self.teacher = student, teacher
        self.teacher.trainable = False
        self.alpha, self.temperature = alpha, temperature
        self.divergence = keras.losses.KLDivergence()

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, allow_empty=False, training=True):
        hard = super().compute_loss(x, y, y_pred, sample_weight)
        soft_target = ops.softmax(self.teacher(x, training=False) / self.temperature)
        soft = self.divergence(soft_target, ops.softmax(y_pred / self.temperature)) * self.temperature**2
        return self.alpha * hard + (1 - self.alpha) * soft

    def call(self, inputs):
        return self.student(inputs)


loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
teacher = network(64, "teacher")
teacher.compile(keras.optimizers.Adam(0.01), loss, metrics=["sparse_categorical_accuracy"])
print(f"first teacher = {teacher.evaluate(x, y, verbose=0)[0]:.6f}")
teacher.fit(x, y, batch_size=60, epochs=6, verbose=0)
result = teacher.evaluate(x, y, verbose=0, return_dict=True)
print(f"teacher = {result['loss']:.5f}")

student = network(8, "student")
distiller = Distiller(student, teacher)
distiller.compile(keras.optimizers.Adam(0.01), loss, metrics=["sparse_categorical_accuracy"])
history = distiller.fit(x, y, batch_size=60, epochs=6, verbose=0).history
print(f"first student = {history['loss'][0]:.5f}")
print(f"student = {history['loss'][-1]:.5f}")
print("teacher is as before =", abs(teacher.evaluate(x, y, verbose=0)[0] - result["loss"]) < 1e-6)
print("trainable =", len(distiller.trainable_weights), len(distiller.weights))
print("learned =", history["sparse_categorical_accuracy"][-1] > history["sparse_categorical_accuracy"][0])
