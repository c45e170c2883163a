"""Real tensorflow_hub before a mirror: `PACKAGES STEPS`, steps as JSON `[[what, cache, handle], ...]`.

A step loads a model and calls it ("load"), or asks where it is in a bucket ("bucket").
"""

import json
import os
import sys
import urllib.error

sys.path.insert(0, sys.argv[1])

import numpy as np
import tensorflow_hub as hub
from tensorflow_hub.uncompressed_module_resolver import HttpUncompressedFileResolver


def load(cache, handle):
    os.environ["TFHUB_CACHE_DIR"] = cache
    value = hub.load(handle)(np.array([[1.0, 2.0]], np.float32))
    return [os.path.basename(hub.resolve(handle)), value.numpy().tolist()]


def bucket(_, handle):
    resolver = HttpUncompressedFileResolver()
    return resolver._request_gcs_location(resolver._append_uncompressed_format_query(handle))


results = []
for what, cache, handle in json.loads(sys.argv[2]):
    try:
        results.append({"load": load, "bucket": bucket}[what](cache, handle))
    except (OSError, ValueError, urllib.error.HTTPError) as error:
        results.append(["error", str(error)])
print(json.dumps(results))
