"""CSV files as datasets: columns of chosen types by CsvDataset, and batches of named features by make_csv_dataset."""

import pathlib

import tensorflow as tf

ROWS = ["kind,length,width", "rose,4.2,1", "daisy,3.1,7", "rose,1.9,", "daisy,5.0,8"]
pathlib.Path("flowers.csv").write_text("\n".join(ROWS) + "\n")

columns = tf.data.experimental.CsvDataset("flowers.csv", [tf.string, tf.float32], header=True, select_cols=[0, 1])
print("spec =", columns.element_spec)
print("rows =", [(kind.decode(), round(float(length), 3)) for kind, length in columns.as_numpy_iterator()])
filled = tf.data.experimental.CsvDataset("flowers.csv", ["", 0.0, -1], header=True)
print("widths =", [int(width) for _, _, width in filled])

batches = tf.data.experimental.make_csv_dataset(
    "flowers.csv", batch_size=3, label_name="kind", num_epochs=1, shuffle=False, column_defaults=["", 0.0, 0.0]
)
for features, kinds in batches.take(1):
    print("features =", sorted(features), [kind.decode() for kind in kinds.numpy()])
    print("lengths =", [round(float(v), 3) for v in features["length"]], [float(v) for v in features["width"]])
