"""The mirror as a process: its parts, its port, its start and its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from headrace.core.distribution import VERSION
from headrace.core.errors import InvalidArgumentError, PermissionDeniedError, UnavailableError
from headrace.mirror.downloads import Downloads
from headrace.mirror.index.names import normalize
from headrace.mirror.index.page import Document
from headrace.mirror.metrics import MirrorMetrics
from headrace.mirror.models.assembly import MirrorParts, model_hubs
from headrace.mirror.models.oci.assembly import oci_registry
from headrace.mirror.models.published import Published
from headrace.mirror.offline.assembly import local_pages
from headrace.mirror.offline.read_only import is_copy, place_to_write
from headrace.mirror.options import MirrorOptions
from headrace.mirror.pages.cache import PageCache
from headrace.mirror.pages.stored import PageFiles
from headrace.mirror.policy.enforcement import Enforcement, enforced
from headrace.mirror.policy.judge import Judge
from headrace.mirror.policy.view import view
from headrace.mirror.private.index import NAME as PRIVATE
from headrace.mirror.private.index import PrivateIndex
from headrace.mirror.projects.cache import ListCache
from headrace.mirror.projects.forms import Forms
from headrace.mirror.projects.stored import ListFiles
from headrace.mirror.server.access import Access
from headrace.mirror.server.app import MirrorApp, Room
from headrace.mirror.server.files import FileSender
from headrace.mirror.server.forwarding import Proxies, is_loopback
from headrace.mirror.server.management import Management
from headrace.mirror.server.project_list import ProjectList
from headrace.mirror.server.tls import Certificate
from headrace.mirror.server.uploads import Uploads
from headrace.mirror.status.readiness import Readiness
from headrace.mirror.status.routes import StatusRoutes
from headrace.mirror.status.search import Search
from headrace.mirror.status.watch import Watch
from headrace.mirror.upkeep import Upkeep
from headrace.mirror.upstream.client import Upstream
from headrace.store.blobs import BlobStore
from headrace.store.index import BlobIndex, open_index

logger = logging.getLogger(__name__)

_GRACE_SECONDS = 25.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What a mirror is made of.

    Attributes:
        store: the files.
        index: what is known of them.
        downloads: fetches those that are missing.
        pages: the projects' pages.
        policy: what is given out.
        readiness: says whether requests should come.
        app: answers requests.
    """

    store: BlobStore
    index: BlobIndex
    downloads: Downloads
    pages: PageCache
    policy: Enforcement
    readiness: Readiness
    app: web.Application


@contextlib.asynccontextmanager
async def assembled(options: MirrorOptions) -> AsyncIterator[Parts]:
    """The parts of a mirror, which end with the block.

    Raises:
        InvalidArgumentError: no upstream, or two of one name.
        PermissionDeniedError: the folder cannot be written to, and an index is to be asked.
    """
    _check(options)
    async with contextlib.AsyncExitStack() as stack:
        yield await _assemble(options, stack)


async def _assemble(options: MirrorOptions, stack: contextlib.AsyncExitStack) -> Parts:
    """The parts; `stack` ends them, the last one first."""
    copy = is_copy(options.root, options.offline)
    written = stack.enter_context(place_to_write(options.root, copy))
    store = BlobStore(options.root, copy)
    index = await asyncio.to_thread(open_index, options.root, copy)
    stack.callback(index.close)
    upstreams = [] if options.offline else [Upstream(each) for each in options.upstreams]
    for upstream in upstreams:
        stack.push_async_callback(upstream.close)
    metrics = MirrorMetrics(VERSION)
    downloads = Downloads(store, index, options.max_file_bytes, metrics)
    files = PageFiles(options.root / "pages")
    local = local_pages(options, files, store)
    private = PrivateIndex(options.private, files, store, index, options.root / "locks") if options.private else None
    rules = (options.root, written, options.policy, options.policy_file)
    policy = await stack.enter_async_context(enforced(*rules, downloads, store))
    proxies = Proxies(options.trusted_proxies, options.url)
    access = Access(private, options.uploaders, options.private_read == "token", proxies, options.insecure_tokens)
    lists = ListCache(ListFiles(options.root / "lists"), upstreams, metrics)
    stack.push_async_callback(lists.close)
    rooms: list[Room] = [ProjectList(lists, Forms(written / "lists" / "forms"), private, local, access, policy.judge)]
    if private is not None and options.uploaders:
        rooms.append(Uploads(private, store, access, options.root / "uploads", options.max_file_bytes, policy.audit))
        rooms.append(Management(private, access, policy.audit))
    pages = PageCache(files, upstreams, private, local, options.max_page_bytes, metrics)

    def metrics_page() -> str:
        return metrics.text(watch.look()) + policy.metrics_text()

    published = await asyncio.to_thread(Published, options.root, store, index)
    making = oci_registry(options, store, index, downloads, published, access, policy.audit)
    oci = await stack.enter_async_context(making)
    hub_parts = MirrorParts(store, index, downloads, published, policy, access, metrics)
    hubs = await stack.enter_async_context(model_hubs(options, hub_parts))
    certificate = options.tls.certificate if options.tls is not None else None
    watch = Watch(options.root, index, downloads, [*upstreams, *oci.upstreams, *hubs.upstreams], options.high_bytes, certificate)
    readiness = Readiness(options.root, copy)
    search = Search(files, store, _reasons(policy.judge))
    status = StatusRoutes(watch, metrics, policy.metrics, search, access.check_known, access.check_read)
    rooms += [status, readiness, oci.routes, *hubs.rooms]
    prefix = urlsplit(options.url).path.rstrip("/")
    app = MirrorApp(pages, store, downloads, policy, access, rooms, metrics, metrics_page).build(prefix)
    stack.push_async_callback(downloads.close)
    return Parts(store, index, downloads, pages, policy, readiness, app)


@contextlib.asynccontextmanager
async def running(options: MirrorOptions) -> AsyncIterator[str]:
    """A mirror that answers until the block ends; gives its URL.

    Raises:
        InvalidArgumentError, PermissionDeniedError: as of `assembled`.
        UnavailableError: the address cannot be listened on.
    """
    async with assembled(options) as parts:
        upkeep = Upkeep(options.root, parts.store, parts.index, parts.downloads, options.high_bytes, options.low_bytes)
        looking_after = asyncio.create_task(upkeep.run())
        try:
            async with listening(parts.app, options) as url:
                yield url
                await parts.readiness.drain(options.drain_seconds)
        finally:
            looking_after.cancel()
            await upkeep.end()


@contextlib.asynccontextmanager
async def listening(app: web.Application, options: MirrorOptions) -> AsyncIterator[str]:
    """Lets an application answer until the block ends; gives its URL. Raises as `running`."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_GRACE_SECONDS)
    certificate = Certificate(options.tls) if options.tls is not None else None
    watching = asyncio.create_task(certificate.watch()) if certificate is not None else None
    try:
        await runner.setup()
        yield await _listen(runner, options, certificate)
    finally:
        if watching is not None:
            watching.cancel()
        await runner.cleanup()


async def serve(options: MirrorOptions) -> None:
    """Answers until SIGTERM or SIGINT comes; says on stdout where."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with running(options) as url:
        what = "what is here" if options.offline else ", ".join(each.name for each in options.upstreams)
        print(f"Headrace mirrors {what} on {options.url.rstrip('/') or url}/simple/", flush=True)
        await ended.wait()


def _reasons(judge: Judge) -> Callable[[str, Document], dict[str, str]]:
    """What says why files of a project's page are not given out, by their names."""

    def reasons(project: str, page: Document) -> dict[str, str]:
        return {name: verdict.reason for name, verdict in view(judge, project, page, time.time()).refused.items()}

    return reasons


def _check(options: MirrorOptions) -> None:
    names = [*(normalize(each.name) for each in options.upstreams), *([PRIVATE] if options.private else [])]
    if not names and not options.offline:
        raise InvalidArgumentError("no upstream to mirror; name one, configure pip's index on this machine, or use --offline")
    if not options.offline and options.root.is_dir() and not os.access(options.root, os.W_OK):
        raise PermissionDeniedError(f"{options.root} cannot be written to, so that nothing can be kept; give another, or --offline")
    if len(set(names)) < len(names):
        raise InvalidArgumentError(f"two upstreams have the same name: {', '.join(names)}; their files would be confused")
    protected = options.private or any(each.models for each in options.uploaders)
    if options.private_read == "token" and not (protected and options.uploaders):
        raise InvalidArgumentError(
            "what is private is to be read with a token, but there are no private names or models, or no uploaders"
        )
    safe = options.tls is not None or options.trusted_proxies or options.insecure_tokens or is_loopback(options.host)
    if options.uploaders and not safe:
        raise InvalidArgumentError(
            f"uploaders' tokens would go over plain HTTP to {options.host}, where others can read them; give a certificate"
            " (--tls_certificate), name the proxy that speaks TLS (--trusted_proxy), or accept the risk (--insecure_tokens)"
        )


async def _listen(runner: web.AppRunner, options: MirrorOptions, certificate: Certificate | None) -> str:
    site = web.TCPSite(runner, options.host, options.port, ssl_context=certificate.context if certificate is not None else None)
    try:
        await site.start()
    except OSError as error:
        raise UnavailableError(
            f"cannot listen on {options.host}:{options.port}: {error.strerror}; choose another address or port"
        ) from None
    host, port = runner.addresses[0][:2]
    return f"{'http' if certificate is None else 'https'}://{f'[{host}]' if ':' in host else host}:{port}"
