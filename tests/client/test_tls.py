"""TLS over both protocols, with certificates on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.client import Tls
from headrace.core import errors
from tests.client.clients import KINDS
from tests.serving.certificates import Authority, Pair
from tests.serving.process import Server, serving
from tests.serving.test_grpc_options import write_config
from tests.serving.toy import write_version


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def server(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("tls")
    pair = authority.issue("server")
    values = {"server_key": pair.key, "server_cert": pair.certificate, "custom_ca": authority.certificate}
    config = write_config(folder, **values, client_verify=True)
    write_version(folder / "m", 1, 2.0)
    flags = (f"--rest_api_ssl_config_file={config}", f"--ssl_config_file={config}", "--port=auto")
    with serving(folder / "m", *flags) as server:
        yield server.ready()


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_both_sides_are_checked(server: Server, authority: Authority, protocol: str, kind: Any) -> None:
    place = server.url if protocol == "rest" else f"grpcs://{server.grpc}"

    def tls(trusted: Authority, pair: Pair) -> Tls:
        return Tls(trusted.certificate, pair.certificate, pair.key)

    with kind(place, tls=tls(authority, authority.issue("client"))) as client:
        assert client.predict("m", {"x": np.float32([[1, 2]])})["y"].tolist() == [[2, 4]]
    wrong = [
        tls(authority, Authority().issue("stranger")),
        tls(Authority(), authority.issue("client")),
        Tls(authority.certificate),
        None,
    ]
    for each in wrong:
        with kind(place, tls=each, retries=0, timeout=10) as client, pytest.raises(errors.UnavailableError):
            client.status("m")
