"""Pages of real projects, as the public index gave them in November 2026 (API 1.1), with `files.invalid` for its host of files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

API_1_4: dict[str, Any] = {
    "meta": {"api-version": "1.4", "_last-serial": 7, "tracks": ["https://index.invalid/simple/all-keys/"]},
    "name": "All.Keys",
    "project-status": {"status": "archived", "reason": 'see <"other"> & more'},
    "alternate-locations": ["https://other.invalid/simple/all-keys/"],
    "versions": ["1.0", "2.0"],
    "x-more": {"kept": [1, None, "é"]},
    "files": [
        {
            "filename": "all_keys-1.0.tar.gz",
            "url": "https://files.invalid/packages/a%20b/all_keys-1.0.tar.gz",
            "hashes": {"sha256": "a" * 64, "blake2b": "b" * 64},
            "requires-python": ">=3.9, <4",
            "size": 10,
            "upload-time": "2026-01-02T03:04:05.678901Z",
            "yanked": "it <b>burns</b>",
            "core-metadata": False,
            "dist-info-metadata": False,
            "gpg-sig": True,
            "_odd": 1,
        },
        {
            "filename": "all_keys-2.0-py3-none-any.whl",
            "url": "https://files.invalid/packages/c/all_keys-2.0-py3-none-any.whl",
            "hashes": {"sha256": "c" * 64},
            "requires-python": None,
            "size": 20,
            "upload-time": "2026-02-02T03:04:05Z",
            "yanked": True,
            "core-metadata": {"sha256": "d" * 64},
            "dist-info-metadata": {"sha256": "d" * 64},
            "data-dist-info-metadata": {"sha256": "d" * 64},
            "provenance": "https://index.invalid/integrity/all-keys/2.0/all_keys-2.0-py3-none-any.whl/provenance",
            "x-more": ["kept"],
        },
    ],
}
"""A page with every key of API 1.4, and some that it does not know, as the specification describes them."""


def pages() -> dict[str, dict[str, Any]]:
    """The pages by project, `API_1_4` among them."""
    found: dict[str, dict[str, Any]] = json.loads(gzip.decompress(Path(__file__).with_name("recorded_pages.json.gz").read_bytes()))
    return {**found, "all-keys": API_1_4}
