"""Puts together what answers for model hubs."""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

from aiohttp import ClientResponse

from headrace.core.errors import OpError
from headrace.mirror.downloads import Downloads
from headrace.mirror.metrics import MirrorMetrics
from headrace.mirror.models.huggingface.errors import refusal
from headrace.mirror.models.huggingface.git_blobs import GitBlobs
from headrace.mirror.models.huggingface.hub import Hub
from headrace.mirror.models.huggingface.kept import Kept
from headrace.mirror.models.huggingface.revisions import Revisions
from headrace.mirror.models.huggingface.routes import HuggingFace
from headrace.mirror.models.huggingface.trees import Trees
from headrace.mirror.models.published import Published
from headrace.mirror.models.tfhub.archives import Archives
from headrace.mirror.models.tfhub.routes import TfHub
from headrace.mirror.options import MirrorOptions, UpstreamOptions
from headrace.mirror.policy.enforcement import Enforcement
from headrace.mirror.server.access import Access
from headrace.mirror.server.files import FileSender
from headrace.mirror.upstream.breaker import Shut
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

    rooms: list[HuggingFace | TfHub] = field(default_factory=list)
    upstreams: list[Upstream] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MirrorParts:
    """The parts of the mirror that hubs need."""

    store: BlobStore
    index: BlobIndex
    downloads: Downloads
    published: Published
    policy: Enforcement
    access: Access
    metrics: MirrorMetrics


@contextlib.asynccontextmanager
async def model_hubs(options: MirrorOptions, parts: MirrorParts) -> AsyncIterator[ModelHubs]:
    """The hubs of these options, which end with the block."""
    found = ModelHubs()
    files = FileSender(parts.store, parts.downloads)
    async with contextlib.AsyncExitStack() as stack:

        def asked(settings: UpstreamOptions, token: str, refused: Callable[[ClientResponse], OpError] | None) -> Upstream:
            """An upstream; of a mirror that asks nobody it only says so, and what is known of it never is too old."""
            if options.offline:
                settings = replace(settings, error_seconds=math.inf)
            upstream = Upstream(settings, f"Bearer {token}" if token else "", refused)
            stack.push_async_callback(upstream.close)
            if options.offline:
                upstream.breaker = Shut(settings.name)
            else:
                found.upstreams.append(upstream)
            return upstream

        models = options.models
        if models.huggingface is not None:
            hub = Hub(asked(models.huggingface, models.huggingface_token, refusal), options.max_page_bytes)
            found.rooms.append(_huggingface(options, parts, hub, files))
        source = asked(models.tfhub, "", None) if models.tfhub is not None else None
        found.rooms.append(_tfhub(options, parts, source, files))
        for room in found.rooms:
            stack.push_async_callback(room.close)
        yield found


def _huggingface(options: MirrorOptions, parts: MirrorParts, hub: Hub, files: FileSender) -> HuggingFace:
    folder = options.root / _FOLDER / "huggingface"
    kept = Kept(folder)
    blobs = GitBlobs(folder / "oids", parts.store, parts.index, options.max_file_bytes, parts.metrics)
    return HuggingFace(hub, Revisions(hub, kept, parts.metrics), Trees(hub, kept), blobs, files, parts.policy)


def _tfhub(options: MirrorOptions, parts: MirrorParts, source: Upstream | None, files: FileSender) -> TfHub:
    models = options.models
    folder = options.root / _FOLDER / "tfhub"
    archives = Archives(
        folder, parts.store, parts.index, models.tfhub_pins, models.tfhub_pinned_only, options.max_file_bytes, parts.metrics
    )
    base = models.tfhub.url if models.tfhub is not None else ""
    return TfHub(archives, parts.published, source, base, options.private, models.tfhub_bucket, files, parts.policy, parts.access)
