"""Strings and ragged tensors: n-grams, a vocabulary table and tf-idf of lines of different lengths, without any layers."""

import tensorflow as tf

LINES = tf.constant(
    [
        "The quick brown fox jumps over the lazy dog.",
        "A dog barks; the fox runs away!",
        "Quick quick, said the brown bird",
        "naïve café – ünïcode",
        "",
    ]
)

lower = tf.strings.lower(LINES, encoding="utf-8")
words = tf.strings.split(tf.strings.regex_replace(lower, r"[[:punct:]]", ""))
print("words =", [[word.decode() for word in line] for line in words.to_list()])
print("lengths =", words.row_lengths().numpy().tolist())
print("letters =", tf.strings.length(words, unit="UTF8_CHAR").to_list())

bigrams = tf.strings.ngrams(words, 2, separator="_")
print("bigrams =", [len(line) for line in bigrams.to_list()], bigrams[2].numpy()[0].decode())

flat, positions, counts = tf.unique_with_counts(words.flat_values)
order = tf.argsort(counts, direction="DESCENDING", stable=True)
vocabulary = tf.gather(flat, order)[:6]
print("vocabulary =", [word.decode() for word in vocabulary.numpy()])

table = tf.lookup.StaticVocabularyTable(
    tf.lookup.KeyValueTensorInitializer(vocabulary, tf.range(tf.size(vocabulary, out_type=tf.int64), dtype=tf.int64)),
    num_oov_buckets=1,
)
ids = tf.ragged.map_flat_values(table.lookup, words)
print("ids =", ids.to_list())

size = int(table.size())
one_hot = tf.ragged.map_flat_values(tf.one_hot, ids, size)
frequency = tf.reduce_sum(one_hot, axis=1)
present = tf.cast(frequency > 0, tf.float32)
idf = tf.math.log(tf.cast(words.nrows(), tf.float32) / (1.0 + tf.reduce_sum(present, axis=0))) + 1.0
scores = tf.math.l2_normalize(frequency * idf, axis=1)
print("similarity =", [[round(float(v), 5) for v in row] for row in (scores @ tf.transpose(scores)).numpy()])

embedding = tf.reshape(tf.range(size * 2, dtype=tf.float32), [size, 2])
mean = tf.reduce_mean(tf.gather(embedding, ids), axis=1)
print("mean of the first line =", [round(float(v), 5) for v in mean[0]])
padded = ids.to_tensor(default_value=-1, shape=[None, 4])
print("padded =", padded.numpy().tolist())
print("back =", tf.RaggedTensor.from_tensor(padded, padding=-1).to_list())
print("characters =", tf.strings.unicode_split(LINES[3], "UTF-8")[:5].numpy()[2].decode())
