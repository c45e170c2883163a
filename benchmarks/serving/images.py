"""An image of 224x224x3 as JSON: the time to read a request and to write an answer, beside what orjson and numpy take.

`python -m benchmarks.serving.images`: processor time of one thread, the median of 50 times.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import orjson
from rich.console import Console
from rich.table import Table

import headrace as tf
from headrace.serving.engines.base import Signature
from headrace.serving.rest import decode, encode

SHAPE = (1, 224, 224, 3)
TIMES = 50
SIGNATURE = Signature({"image": tf.TensorSpec([None, *SHAPE[1:]], tf.float32, "image")}, {})


def milliseconds(work: Callable[[], object]) -> float:
    """Processor time that `work` takes on this thread."""
    work()
    found = []
    for _ in range(TIMES):
        before = time.thread_time()
        work()
        found.append(time.thread_time() - before)
    return statistics.median(found) * 1e3


def main() -> None:
    """Prints the table."""
    numbers = np.random.default_rng(0)
    floats = numbers.random(SHAPE).astype(np.float32)
    table = Table("values", "size in MB", "reads ms", "orjson and numpy", "writes ms", "orjson of lists")
    images = {"bytes as integers": np.floor(floats * 256), "four digits": floats.round(4), "all digits": floats}
    for kind, image in images.items():
        # As a client writes them: the shortest text of each float32.
        body = orjson.dumps({"instances": image}, option=orjson.OPT_SERIALIZE_NUMPY)
        if kind == "bytes as integers":
            body = body.replace(b".0", b"")
        document = decode.to_arrays(decode.parse(body), SIGNATURE)[0]["image"]
        assert np.array_equal(document, image)
        row = (
            len(body) / 1e6,
            milliseconds(lambda body=body: decode.to_arrays(decode.parse(body), SIGNATURE)),
            milliseconds(lambda body=body: np.asarray(orjson.loads(body)["instances"], np.float32)),
            milliseconds(lambda image=image: encode.from_arrays({"image": image}, "row")),
            milliseconds(lambda image=image: orjson.dumps({"predictions": image.tolist()})),
        )
        table.add_row(kind, *(f"{value:.1f}" for value in row))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
