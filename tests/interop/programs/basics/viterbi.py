"""A hidden Markov model: the likelihood by tf.scan, the best path by tf.while_loop, and its tables learned by gradients."""

import numpy as np
import tensorflow as tf

STATES, SYMBOLS, LENGTH = 3, 4, 30
generator = np.random.default_rng(5)
transition = np.array([[0.8, 0.15, 0.05], [0.1, 0.8, 0.1], [0.05, 0.15, 0.8]])
emission = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [0.05, 0.05, 0.2, 0.7]])


def sample(length):
    states, symbols = [0], []
    for _ in range(length):
        symbols.append(generator.choice(SYMBOLS, p=emission[states[-1]]))
        states.append(generator.choice(STATES, p=transition[states[-1]]))
    return states[:-1], symbols


states, symbols = sample(LENGTH)
observed = tf.constant(symbols, tf.int32)


def log_likelihood(log_transition, log_emission, symbols):
    start = tf.gather(log_emission, symbols[0], axis=1) - tf.math.log(float(STATES))

    def step(previous, symbol):
        moved = tf.reduce_logsumexp(previous[:, tf.newaxis] + log_transition, axis=0)
        return moved + tf.gather(log_emission, symbol, axis=1)

    return tf.reduce_logsumexp(tf.scan(step, symbols[1:], initializer=start)[-1])


@tf.function
def viterbi(log_transition, log_emission, symbols):
    length = tf.shape(symbols)[0]
    score = tf.gather(log_emission, symbols[0], axis=1)
    back = tf.TensorArray(tf.int32, size=length, element_shape=[STATES])

    def forward(i, score, back):
        candidates = score[:, tf.newaxis] + log_transition
        back = back.write(i, tf.argmax(candidates, axis=0, output_type=tf.int32))
        return i + 1, tf.reduce_max(candidates, axis=0) + tf.gather(log_emission, symbols[i], axis=1), back

    _, score, back = tf.while_loop(lambda i, *_: i < length, forward, [1, score, back])
    path = tf.TensorArray(tf.int32, size=length, element_shape=[])
    state = tf.argmax(score, output_type=tf.int32)
    for i in tf.range(length - 1, -1, -1):
        path = path.write(i, state)
        if i > 0:
            state = back.read(i)[state]
    return path.stack()


known = tf.math.log(tf.constant(transition, tf.float32)), tf.math.log(tf.constant(emission, tf.float32))
print(f"first loss = {-float(log_likelihood(*known, observed)):.6f}")
path = viterbi(*known, observed).numpy()
print("path =", path.tolist())
print("agrees =", int(np.sum(path == np.array(states))))

tables = [tf.Variable(tf.eye(STATES)), tf.Variable(tf.reshape(tf.linspace(-0.5, 0.5, STATES * SYMBOLS), [STATES, SYMBOLS]))]


@tf.function
def learn():
    with tf.GradientTape() as tape:
        loss = -log_likelihood(tf.nn.log_softmax(tables[0]), tf.nn.log_softmax(tables[1]), observed)
    for table, gradient in zip(tables, tape.gradient(loss, tables)):
        table.assign_sub(0.05 * gradient)
    return loss


losses = [float(learn()) for _ in range(25)]
print(f"first learned loss = {losses[0]:.6f}")
print(f"last learned loss = {losses[-1]:.6f}")
