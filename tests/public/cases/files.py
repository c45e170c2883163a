"""tf.io: whole files, in functions and eagerly."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from tests.public.case import case


def written_and_read(tf: Any) -> list[Any]:
    """What was written, in the order of the program, and the files there are."""
    with tempfile.TemporaryDirectory() as folder:

        def program() -> list[Any]:
            tf.io.write_file(f"{folder}/below/b.txt", "first\0")
            first = tf.io.read_file(f"{folder}/below/b.txt")
            tf.io.write_file(f"{folder}/below/b.txt", tf.strings.join([first, "second"]))
            tf.io.write_file(f"{folder}/below/a.txt", "")
            names = tf.io.matching_files([f"{folder}/below/*.txt", f"{folder}/below/b*"])
            last = tf.strings.split(names, "/").to_tensor()[:, -1]
            return [tf.reshape(first, [1]), tf.reshape(tf.io.read_file(f"{folder}/below/b.txt"), [1]), last]

        eager = program()
        return [*eager, *tf.function(program)()]


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
