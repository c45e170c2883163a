"""Files: on this machine, and behind URLs by fsspec. `tf.io.gfile` stands in gfile.py."""
