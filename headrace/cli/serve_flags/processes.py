"""The flag of a server of several processes, and what runs one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import click

from headrace.serving.processes.member import Member
from headrace.serving.processes.office import Office
from headrace.serving.processes.supervisor import Places, Supervisor
from headrace.serving.server import ModelServer, ServerOptions

process_flags = click.option(
    "--num_processes", type=click.IntRange(1), default=1, show_default=True, help="That share the ports (Linux)."
)


def run_server(options: ServerOptions, processes: int, announce: Callable[[str, str], None]) -> None:
    """Serves until the end, as one process, as the supervisor of several, or as one of those.

    Args:
        options: what to serve and how.
        processes: how many processes there are to be.
        announce: called with the URL of REST and the address of gRPC once requests are answered.

    Raises:
        OpError: see ModelServer.run and Supervisor.run.
    """
    member = Member.of_environment()
    if member is not None:
        if options.grpc is not None and member.index:  # a Unix socket belongs to one
            options = replace(options, grpc=replace(options.grpc, socket_path=None))
        told = member.listening
        worker = ModelServer(options, on_ready=lambda url: told(url, worker.grpc_address), member=member)
        worker.run()
    elif processes > 1:
        office = Office(options, processes)
        Supervisor(processes, _places(options), options.grace_seconds, office, announce).run()
    else:
        server = ModelServer(options, on_ready=lambda url: announce(url, server.grpc_address))
        server.run()


def _places(options: ServerOptions) -> Places:
    rest, grpc = options.rest_port, options.grpc
    return Places(
        rest=None if rest is None else (options.rest_host, rest),
        grpc=None if grpc is None or grpc.port is None else (grpc.host, grpc.port),
    )
