"""Puts together what answers for model hubs."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from headrace.mirror.downloads import Downloads
from headrace.mirror.metrics import MirrorMetrics
from headrace.mirror.models.huggingface.errors import refusal
from headrace.mirror.models.huggingface.git_blobs import GitBlobs
from headrace.mirror.models.huggingface.hub import Hub
from headrace.mirror.models.huggingface.kept import Kept
from headrace.mirror.models.huggingface.revisions import Revisions
from headrace.mirror.models.huggingface.routes import HuggingFace
from headrace.mirror.models.huggingface.trees import Trees
from headrace.mirror.options import MirrorOptions
from headrace.mirror.policy.enforcement import Enforcement
from headrace.mirror.server.files import FileSender
from headrace.mirror.upstream.client import Upstream
from headrace.store.blobs import BlobStore
from headrace.store.index import BlobIndex

_FOLDER = "models"


@dataclass(frozen=True, slots=True)
class ModelHubs:
    """What answers for model hubs.

    Attributes:
        rooms: have their routes.
        upstreams: the hubs that are asked.
    """

    rooms: list[HuggingFace] = field(default_factory=list)
    upstreams: list[Upstream] = field(default_factory=list)


@contextlib.asynccontextmanager
async def model_hubs(
    options: MirrorOptions,
    store: BlobStore,
    index: BlobIndex,
    downloads: Downloads,
    policy: Enforcement,
    metrics: MirrorMetrics,
) -> AsyncIterator[ModelHubs]:
    """The hubs of these options, which end with the block."""
    found = ModelHubs()
    async with contextlib.AsyncExitStack() as stack:
        if options.models.huggingface is not None:
            token = options.models.huggingface_token
            upstream = Upstream(options.models.huggingface, f"Bearer {token}" if token else "", refusal)
            stack.push_async_callback(upstream.close)
            found.upstreams.append(upstream)
            hub = Hub(upstream, options.max_page_bytes)
            folder = options.root / _FOLDER / "huggingface"
            kept = Kept(folder)
            rooms = HuggingFace(
                hub,
                Revisions(hub, kept, metrics),
                Trees(hub, kept),
                GitBlobs(folder / "oids", store, index, options.max_file_bytes, metrics),
                FileSender(store, downloads),
                policy,
            )
            stack.push_async_callback(rooms.close)
            found.rooms.append(rooms)
        yield found
