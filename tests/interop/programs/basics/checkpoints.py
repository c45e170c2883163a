"""tf.train.Checkpoint and CheckpointManager: training that is stopped half way and goes on where it was."""

import tempfile

import numpy as np
import tensorflow as tf

generator = np.random.default_rng(1)
inputs = generator.normal(size=(64, 3)).astype(np.float32)
targets = (inputs @ np.float32([[1.0], [-2.0], [0.5]]) + 0.3).astype(np.float32)


class Linear(tf.Module):
    def __init__(self):
        super().__init__()
        self.w = tf.Variable(tf.zeros([3, 1]))
        self.b = tf.Variable(tf.zeros([1]))

    def __call__(self, x):
        return x @ self.w + self.b


class Momentum(tf.Module):
    def __init__(self, variables, rate=0.05, momentum=0.9):
        super().__init__()
        self.rate, self.momentum = rate, momentum
        self.speeds = [tf.Variable(tf.zeros_like(v), trainable=False) for v in variables]

    def apply(self, gradients, variables):
        for speed, gradient, variable in zip(self.speeds, gradients, variables):
            speed.assign(self.momentum * speed - self.rate * gradient)
            variable.assign_add(speed)


class Training:
    """A model, its optimizer and their checkpoint in a folder."""

    def __init__(self, folder):
        self.model = Linear()
        self.optimizer = Momentum(self.model.trainable_variables)
        self.step = tf.Variable(0, dtype=tf.int64)
        self.checkpoint = tf.train.Checkpoint(model=self.model, optimizer=self.optimizer, step=self.step)
        self.manager = tf.train.CheckpointManager(self.checkpoint, folder, max_to_keep=2, checkpoint_name="linear")

    @tf.function
    def one_step(self):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(self.model(inputs) - targets))
        variables = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        self.step.assign_add(1)
        return loss

    def run(self, until, every=5):
        losses = []
        while int(self.step) < until:
            losses.append(float(self.one_step()))
            if int(self.step) % every == 0:
                self.manager.save(checkpoint_number=self.step)
        return losses


with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
    whole = Training(other).run(20)
    first = Training(folder)
    before = first.run(10)
    second = Training(folder)
    status = second.checkpoint.restore(second.manager.latest_checkpoint)
    status.assert_existing_objects_matched()
    print("restored at step =", int(second.step))
    after = second.run(20)
    kept = [path.rsplit("/", 1)[1] for path in second.manager.checkpoints]
    names = [name for name, _ in tf.train.list_variables(folder) if name.startswith("model/")]
    b = tf.train.load_variable(folder, "model/b/.ATTRIBUTES/VARIABLE_VALUE")
    print(f"first loss = {before[0]:.6f}")
    print(f"last loss = {after[-1]:.6f}")
    print("as without a stop =", bool(np.allclose(before + after, whole, rtol=1e-6)))
    print("kept =", kept)
    print("names =", names)
    print("bias in the file =", bool(np.allclose(b, second.model.b.numpy())))

    fresh = Training(folder)
    tf.train.Checkpoint(model=fresh.model).restore(second.manager.latest_checkpoint).expect_partial()
    print("model only =", bool(np.allclose(fresh.model.w.numpy(), second.model.w.numpy())), int(fresh.step))
