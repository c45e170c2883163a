"""The pages that a mirror gives out without asking anybody."""

from __future__ import annotations

from headrace.mirror.bundles.published import PublishedFiles, PublishedPages
from headrace.mirror.offline.kept import KeptPages
from headrace.mirror.offline.provenance import ProvenanceFiles
from headrace.mirror.options import MirrorOptions
from headrace.mirror.pages.local import LocalPages
from headrace.mirror.pages.stored import PageFiles
from headrace.store.blobs import BlobStore


def local_pages(options: MirrorOptions, files: PageFiles, store: BlobStore) -> list[LocalPages]:
    """Those of bundles, and where nobody is asked also those that were kept of upstreams."""
    found: list[LocalPages] = [PublishedPages(PublishedFiles(options.root))]
    if options.offline:
        names = [each.name for each in options.upstreams]
        found.append(KeptPages(files, store, ProvenanceFiles(options.root / "provenance"), names))
    return found
