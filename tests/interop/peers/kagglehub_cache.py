"""Real kagglehub without network: `CACHE HANDLE ...`, for each the folder that it finds and the files in it, or its error."""

import json
import os
import sys
from pathlib import Path

cache, *handles = sys.argv[1:]
os.environ |= {"KAGGLEHUB_CACHE": cache, "HTTPS_PROXY": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}

import kagglehub  # noqa: E402

results = []
for handle in handles:
    try:
        folder = Path(kagglehub.model_download(handle))
        results.append([str(folder), sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())])
    except OSError as error:  # that of requests is one
        results.append(["error", type(error).__name__])
print(json.dumps(results))
