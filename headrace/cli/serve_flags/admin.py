"""Flags of access, of the admin API and of the audit log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from headrace.cli.serve_flags.ports import or_none, port
from headrace.serving.admin.options import AdminOptions
from headrace.serving.audit import AuditOptions
from headrace.serving.tls import read_tls

_FLAGS = (
    click.option("--access_config_file", type=click.Path(path_type=Path), help="TOML: who may ask what, and how much of it."),
    click.option("--admin_port", callback=port, default="0", help="Port of the admin API; 0 is off, auto takes a free one."),
    click.option("--admin_host", default="127.0.0.1", show_default=True, help="Address to listen on for the admin API."),
    click.option("--admin_allowed_host", multiple=True, help="Host name that requests to the admin API may give."),
    click.option("--admin_ssl_config_file", type=click.Path(path_type=Path), help="An SSLConfig text: the admin API over TLS."),
    click.option("--audit_log_file", type=click.Path(path_type=Path), help="JSON lines of who changed what are appended to it."),
    click.option("--audit_log_max_bytes", type=click.IntRange(4096), default=16 << 20, show_default=True, help="Of one such file."),
)


def admin_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the flags."""
    for flag in reversed(_FLAGS):
        command = flag(command)
    return command


def admin_options(flags: dict[str, Any]) -> AdminOptions | None:
    """The admin API that the flags ask for."""
    number = or_none(flags["admin_port"])
    if number is None:
        return None
    tls = flags["admin_ssl_config_file"]
    return AdminOptions(flags["admin_host"], number, flags["admin_allowed_host"], None if tls is None else read_tls(tls))


def audit_options(flags: dict[str, Any]) -> AuditOptions:
    """Where the flags say that events go."""
    return AuditOptions(flags["audit_log_file"], flags["audit_log_max_bytes"])
