"""Puts the registry together."""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from headrace.mirror.audit import AuditLog
from headrace.mirror.downloads import Downloads
from headrace.mirror.models.oci.registry import Registry
from headrace.mirror.models.oci.remote import Remote
from headrace.mirror.models.oci.routes import OciRoutes
from headrace.mirror.models.oci.uploads import Uploads
from headrace.mirror.models.published import Published
from headrace.mirror.options import MirrorOptions
from headrace.mirror.server.access import Access
from headrace.mirror.server.files import FileSender
from headrace.mirror.upstream.breaker import Shut
from headrace.mirror.upstream.client import Upstream
from headrace.store.blobs import BlobStore
from headrace.store.index import BlobIndex


@dataclass(frozen=True, slots=True)
class Oci:
    """The registry's routes, and the other registry that is asked."""

    routes: OciRoutes
    upstreams: list[Upstream]


@contextlib.asynccontextmanager
async def oci_registry(
    options: MirrorOptions,
    store: BlobStore,
    index: BlobIndex,
    downloads: Downloads,
    published: Published,
    access: Access,
    audit: AuditLog,
) -> AsyncIterator[Oci]:
    """The registry of these options, which ends with the block."""
    folder = options.root / "oci"
    registry = Registry(options.root, store, index, published)
    upstream = remote = None
    if (settings := options.models.oci) is not None:
        upstream = Upstream(replace(settings, error_seconds=math.inf) if options.offline else settings)
        if options.offline:
            upstream.breaker = Shut(settings.name)
        private = [*options.private, *(pattern for each in options.uploaders for pattern in each.models)]
        remote = Remote(upstream, options.root / "models" / "oci", store, index, private)
    files = FileSender(store, downloads)
    routes = OciRoutes(registry, Uploads(folder / ".uploads"), files, access, audit, options.max_file_bytes, remote)
    try:
        yield Oci(routes, [upstream] if upstream is not None and not options.offline else [])
    finally:
        if upstream is not None:
            await upstream.close()
