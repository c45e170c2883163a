"""tf.io: whole files, in functions and eagerly."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from tests.public.case import case


def written_and_read(tf: Any) -> list[Any]:
    """What was written, and the files there are; functions write and read one after the other, as TensorFlow orders no reads."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = f"{folder}/below/b.txt", f"{folder}/below/a.txt"
        tf.io.write_file(first, "first\0")
        found = tf.io.read_file(first)
        tf.io.write_file(second, tf.strings.join([found, "second"]))
        names = tf.io.matching_files([f"{folder}/below/*.txt", f"{folder}/below/b*"])
        last = tf.strings.split(names, "/").to_tensor()[:, -1]

        @tf.function
        def write() -> None:
            tf.io.write_file(first, "third")

        read = tf.function(lambda: tf.strings.join([tf.io.read_file(first), tf.io.read_file(second)]))
        write()
        return [tf.reshape(found, [1]), last, tf.reshape(read(), [1])]


def failing(tf: Any, program: Any) -> Any:
    """A call in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "file").write_text("")
        return program(tf, folder)


CASES = {
    "write-read-match": case(written_and_read, in_function=False),
    "no-match": case(lambda tf: tf.io.matching_files("/no/such/folder/*")),
    "missing": case(lambda tf: failing(tf, lambda t, f: t.io.read_file(f"{f}/none")), in_function=False),
    "folder": case(lambda tf: failing(tf, lambda t, f: t.io.read_file(f)), in_function=False),
    "under-a-file": case(lambda tf: failing(tf, lambda t, f: t.io.write_file(f"{f}/file/x", "a")), in_function=False),
    "two-names": case(lambda tf: tf.io.read_file(["a", "b"]), in_function=False),
}
"""Public functions, run from the same source under Headrace and under real TensorFlow."""
