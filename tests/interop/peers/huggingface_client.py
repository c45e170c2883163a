"""Does what it is told with the real huggingface_hub: `ENDPOINT HOME STEPS`, steps as JSON `[[name, arguments], ...]`."""

import hashlib
import json
import os
import sys
from pathlib import Path

endpoint, home, steps = sys.argv[1:]
os.environ |= {
    "HF_ENDPOINT": endpoint,
    "HF_HOME": home,
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DOWNLOAD_TIMEOUT": "60",
    "HF_HUB_ETAG_TIMEOUT": "60",
}

import huggingface_hub  # noqa: E402


def digests(folder):
    """The sha256 of each file in a snapshot."""
    root = Path(folder)
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def snapshot(**arguments):
    path = Path(huggingface_hub.snapshot_download(**arguments))
    return [path.name, digests(path)]


def download(**arguments):
    path = Path(huggingface_hub.hf_hub_download(**arguments))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def metadata(**arguments):
    found = huggingface_hub.get_hf_file_metadata(huggingface_hub.hf_hub_url(**arguments))
    return [found.commit_hash, found.etag, found.size]


def info(**arguments):
    found = huggingface_hub.HfApi().repo_info(**arguments)
    return [found.sha, sorted(each.rfilename for each in found.siblings)]


def paths(**arguments):
    return [each.path for each in huggingface_hub.HfApi().get_paths_info(**arguments)]


def opened(path):
    return huggingface_hub.HfFileSystem().read_text(path)


results = []
for name, arguments in json.loads(steps):
    try:
        results.append(globals()[name](**arguments))
    except (huggingface_hub.errors.HfHubHTTPError, OSError, ValueError) as error:
        results.append([type(error).__name__, str(error)])
print(json.dumps([huggingface_hub.__version__, results]))
