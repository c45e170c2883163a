"""Lines of several text files: list_files, interleave, filters, CSV decoding, sharding, and batches of features by name."""

import pathlib

import numpy as np
import tensorflow as tf

generator = np.random.default_rng(5)
for part in range(3):
    rows = ["kind,length,width"]
    for i in range(6):
        kind = ["rose", "daisy"][(part + i) % 2]
        rows.append(f"{kind},{generator.uniform(1, 5):.3f},{'' if i == 4 else generator.integers(1, 9)}")
    pathlib.Path(f"flowers-{part}.csv").write_text("\n".join(rows) + "\n")

files = tf.data.Dataset.list_files("flowers-*.csv", shuffle=False)
print("files =", [pathlib.Path(name.decode()).name for name in files.as_numpy_iterator()])

lines = files.interleave(lambda name: tf.data.TextLineDataset(name).skip(1), cycle_length=3, block_length=1)
print("lines =", [line.decode().split(",")[0] for line in lines.as_numpy_iterator()])
blocks = files.interleave(
    lambda name: tf.data.TextLineDataset(name).skip(1).take(2),
    cycle_length=2,
    block_length=2,
    num_parallel_calls=tf.data.AUTOTUNE,
    deterministic=True,
)
print("blocks =", [line.decode().split(",")[1] for line in blocks.as_numpy_iterator()])

table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["rose", "daisy"], [0, 1]), default_value=-1)


def parse(line):
    kind, length, width = tf.io.decode_csv(line, record_defaults=["", 0.0, -1.0])
    return {"length": length, "width": width}, table.lookup(kind)


parsed = lines.map(parse).filter(lambda features, label: features["width"] >= 0)
print("parsed =", sum(1 for _ in parsed))
features, labels = next(iter(parsed.batch(20)))
print("labels =", labels.numpy().tolist())
print("lengths =", [round(float(v), 3) for v in features["length"]])
print("shards =", [[len(line) for line in lines.shard(4, i).as_numpy_iterator()] for i in range(4)])
print("spec =", parsed.element_spec)

text = tf.data.TextLineDataset(["flowers-0.csv", "flowers-2.csv"]).filter(lambda line: tf.strings.regex_full_match(line, "daisy.*"))
print("daisies =", sum(1 for _ in text))
