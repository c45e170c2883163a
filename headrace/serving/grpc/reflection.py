"""grpc.reflection: which services there are, and the files that declare them, from the private descriptor pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Any

import grpc
from google.protobuf import descriptor_pb2

from headrace.core.errors import CODES, OpError
from headrace.proto.messages import POOL, message
from headrace.serving.grpc.calls import Handler, abort, read

SERVICES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")


def handlers(services: Sequence[str], pool: Executor, refusal_of: Callable[[Any], OpError | None]) -> dict[str, Handler]:
    """The handlers of both versions of the protocol, by path.

    Args:
        services: the services to list, by full name.
        pool: runs the streams; each holds one of its threads.
        refusal_of: why a call is not let in, of gRPC's context of it.
    """
    return {f"/{service}/ServerReflectionInfo": _handler(service, services, pool, refusal_of) for service in SERVICES}


def _handler(service: str, services: Sequence[str], pool: Executor, refusal_of: Callable[[Any], OpError | None]) -> Handler:
    package = service.rpartition(".")[0]
    request_class = message(f"{package}.ServerReflectionRequest")
    response_class = message(f"{package}.ServerReflectionResponse")

    def reflect(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        refusal = refusal_of(context)
        if refusal is not None:
            abort(context, refusal)
        for data in requests:
            try:
                request = read(request_class, data)
            except OpError as error:
                abort(context, error)
            response = response_class(valid_host=request.host, original_request=request)
            _answer(request, response, services)
            yield response.SerializeToString()

    reflect.experimental_thread_pool = pool  # type: ignore[attr-defined]
    return grpc.stream_stream_rpc_method_handler(reflect)


def _answer(request: Any, response: Any, services: Sequence[str]) -> None:
    kind = request.WhichOneof("message_request")
    try:
        if kind == "list_services":
            for name in sorted(services):
                response.list_services_response.service.add(name=name)
        elif kind == "file_by_filename":
            _add_files(response, POOL.FindFileByName(request.file_by_filename))
        elif kind == "file_containing_symbol":
            _add_files(response, _file_of(request.file_containing_symbol))
        elif kind == "all_extension_numbers_of_type":
            # The texts are proto3: no message has extensions, but one that does not exist is an error.
            name = POOL.FindMessageTypeByName(request.all_extension_numbers_of_type).full_name
            response.all_extension_numbers_response.base_type_name = name
        elif kind == "file_containing_extension":
            raise KeyError
        else:
            _fail(response, "INVALID_ARGUMENT", "the request asks for nothing; expected one of its fields to be set")
    except KeyError:
        _fail(response, "NOT_FOUND", f"{getattr(request, str(kind))!r} is not declared by this server".replace("\n", " "))


def _file_of(symbol: str) -> Any:
    """The file that declares a message, an enum, a service, or a method of one; KeyError when none does."""
    service, _, method = symbol.rpartition(".")
    try:
        return POOL.FindFileContainingSymbol(symbol)
    except KeyError:
        return POOL.FindServiceByName(service).methods_by_name[method].containing_service.file


def _fail(response: Any, code: str, text: str) -> None:
    response.error_response.error_code = CODES[code]
    response.error_response.error_message = text


def _add_files(response: Any, file: Any) -> None:
    """Adds a file and all that it imports, each once."""
    seen: set[str] = set()
    waiting = [file]
    while waiting:
        next_file = waiting.pop()
        if next_file.name not in seen:
            seen.add(next_file.name)
            proto = descriptor_pb2.FileDescriptorProto()
            next_file.CopyToProto(proto)
            response.file_descriptor_response.file_descriptor_proto.append(proto.SerializeToString())
            waiting.extend(next_file.dependencies)
