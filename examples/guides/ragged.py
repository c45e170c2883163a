"""Ragged tensors in use: search queries of different lengths, counted, embedded and averaged.

    python examples/guides/ragged.py

`guide` takes the framework, so that the tests run it under Headrace and under TensorFlow alike.
"""

from __future__ import annotations

from typing import Any

QUERIES = ["who made the first mill", "water", "how fast does a mill wheel turn"]


def guide(tf: Any) -> dict[str, Any]:
    """What the program shows, by title."""
    words = tf.strings.split(QUERIES)
    found: dict[str, Any] = {"words": words, "words in each query": words.row_lengths()}

    # Elementwise functions work on the words, subscripts on the rows.
    found["first two words"] = words[:, :2]
    found["lengths of words"] = tf.strings.length(words)
    found["long words"] = tf.ragged.boolean_mask(words, tf.strings.length(words) > 4)

    # Pairs of neighbours, with a mark where a query begins and ends.
    marks = tf.fill([words.nrows(), 1], "#")
    padded = tf.concat([marks, words, marks], axis=1)
    found["pairs"] = tf.strings.join([padded[:, :-1], padded[:, 1:]], separator="+")

    # An embedding for each word, averaged over each query, and the gradient for the table.
    table = tf.reshape(tf.range(40, dtype=tf.float32), [20, 2])
    buckets = tf.strings.to_hash_bucket_fast(words, 20)
    with tf.GradientTape() as tape:
        tape.watch(table)
        averages = tf.reduce_mean(tf.gather(table, buckets), axis=1)
        loss = tf.reduce_sum(averages**2)
    found["averages"] = averages
    found["gradient"] = tf.convert_to_tensor(tape.gradient(loss, table))

    # One trace of a function serves any number of queries of any length.
    def longest(lengths: Any) -> Any:
        return tf.reduce_max(lengths, axis=1)

    compiled = tf.function(longest, input_signature=[tf.RaggedTensorSpec([None, None], tf.int32)])
    found["longest word"] = compiled(tf.strings.length(words))
    found["filled up"] = words.to_tensor(default_value="")
    return found


if __name__ == "__main__":
    import headrace

    for title, value in guide(headrace).items():
        print(f"{title}: {value}")
