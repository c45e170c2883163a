"""What a mirror mirrors, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from headrace.mirror.policy.rules import Policy
from headrace.mirror.private.uploaders import Uploader


@dataclass(frozen=True, slots=True)
class UpstreamOptions:
    """An index that is asked.

    Attributes:
        name: stands in the mirror's URLs of files, so that they stay the same.
        url: of its Simple API, such as `https://index.example/simple/`.
        fresh_seconds: a page so old is given out without asking.
        revalidate_seconds: a page that is older by at most this is given out, and asked for meanwhile.
        error_seconds: while upstream fails, pages are given out up to this age.
        projects: patterns of the names that it is asked for; ("*",) asks for all.
        timeout_seconds: for the head of an answer, and between two parts of one.
        private_addresses: lets its files be on addresses of private networks. Its own host always may.
        connections: so many bring a large file at the same time, where upstream can send parts.
        parallel_bytes: what counts as a large file.
        segment_bytes: what one of them brings at once; so much memory is used for each.
    """

    name: str
    url: str
    fresh_seconds: float = 600.0
    revalidate_seconds: float = 3600.0
    error_seconds: float = 7 * 86400.0
    projects: tuple[str, ...] = ("*",)
    timeout_seconds: float = 30.0
    private_addresses: bool = False
    connections: int = 4
    parallel_bytes: int = 64 << 20
    segment_bytes: int = 8 << 20


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """The model hubs that are mirrored.

    Attributes:
        huggingface: a hub of Hugging Face's protocol; None for none.
        huggingface_token: the mirror's own, for repositories that want one. What it opens is open to all who may ask the mirror.
        tfhub: a hub of TF-Hub's protocol, whose URL stands before handles; None for none.
        tfhub_pins: the sha256 of archives by the path of their handle.
        tfhub_pinned_only: others are not given out; else an archive is, as it was when it was asked for first.
        tfhub_bucket: what requests for models in a bucket are redirected to; "" for nothing.
        oci: a registry, which is asked for repositories that are not here; None for none.
    """

    huggingface: UpstreamOptions | None = None
    huggingface_token: str = field(default="", repr=False)
    tfhub: UpstreamOptions | None = None
    tfhub_pins: Mapping[str, str] = field(default_factory=dict)
    tfhub_pinned_only: bool = False
    tfhub_bucket: str = ""
    oci: UpstreamOptions | None = None


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """The files of TLS, in PEM.

    Attributes:
        certificate: the mirror's, with the chain behind it.
        key: its private key; None when it stands in the same file.
        client_ca: whose certificates clients must show; None asks for none.
    """

    certificate: Path
    key: Path | None = None
    client_ca: Path | None = None


@dataclass(frozen=True, slots=True)
class MirrorOptions:
    """A mirror.

    Attributes:
        root: the folder that it keeps everything in.
        upstreams: the indexes, the one to be asked first at the front; the first that has a project is the only one for it.
        policy: what is given out at first.
        policy_file: is looked at while the mirror runs, for another policy; None when there is none.
        private: patterns of names that are private: they are looked for here only, and only they can be uploaded.
        uploaders: who may upload, read and manage private projects.
        private_read: "anyone", or "token": private projects are read with a token only.
        models: the model hubs.
        host: the address to listen on.
        port: 0 takes a free one.
        tls: None speaks plain HTTP.
        url: under which clients reach it, when a proxy stands before it; a path in it is known to the routes. "" without one.
        trusted_proxies: addresses and networks whose X-Forwarded headers are believed.
        insecure_tokens: takes tokens over plain HTTP from other machines.
        high_bytes: when the store is larger, what was used longest ago makes room.
        low_bytes: until it is this large.
        max_file_bytes: of one file.
        max_page_bytes: of one page.
        drain_seconds: between the word to end and the end of taking requests, in which load balancers learn of it.
        offline: nobody is asked, and what is here is given out; upstreams then say whose pages count.
    """

    root: Path
    upstreams: tuple[UpstreamOptions, ...] = field(default=())
    policy: Policy = field(default_factory=Policy)
    policy_file: Path | None = None
    private: tuple[str, ...] = ()
    uploaders: tuple[Uploader, ...] = ()
    models: ModelOptions = field(default_factory=ModelOptions)
    private_read: str = "anyone"
    host: str = "127.0.0.1"
    port: int = 8466
    tls: TlsOptions | None = None
    url: str = ""
    trusted_proxies: tuple[str, ...] = ()
    insecure_tokens: bool = False
    high_bytes: int = 100 << 30
    low_bytes: int = 80 << 30
    max_file_bytes: int = 64 << 30
    max_page_bytes: int = 128 << 20
    drain_seconds: float = 0.0
    offline: bool = False
