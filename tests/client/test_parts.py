"""Addresses, retries and layers."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from headrace.client import Client, Limits, Retries, Tls
from headrace.client.address import Address, parse
from headrace.client.rest.tensors import request
from headrace.client.retries import Attempts, Budget
from headrace.core import errors


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://h:1", Address(False, False, "http://h:1")),
        ("http://h/", Address(False, False, "http://h:80")),
        ("https://h:2/behind/it/", Address(False, True, "https://h:2", "/behind/it")),
        ("http://h:1/a b", Address(False, False, "http://h:1", "/a%20b")),
        ("http://[::1]:3", Address(False, False, "http://[::1]:3")),
        ("grpc://h", Address(True, False, "h:8500")),
        ("grpcs://[::1]:4", Address(True, True, "[::1]:4")),
        ("unix:/a/b", Address(True, False, "unix:/a/b")),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert parse(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "h:1",
        "ftp://h",
        "http://",
        "http://h:x",
        "http://h:99999",
        "http://u@h",
        "http://h?a=b",
        "grpc://h/path",
        "unix:",
        "unix:/",
    ],
)
def test_wrong_addresses(text: str) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="expected"):
        parse(text)


def test_wrong_options() -> None:
    for wrong in (lambda: Retries(limit=-1), lambda: Retries(ratio=float("nan")), lambda: Limits(connections=0)):
        with pytest.raises(errors.InvalidArgumentError, match="expected"):
            wrong()
    with pytest.raises(errors.InvalidArgumentError, match="expected both or none"):
        Tls(certificate=b"-----BEGIN")
    with pytest.raises(errors.InvalidArgumentError, match="plain text"):
        Client("http://h", tls=Tls())
    for address in ("https://h", "grpcs://h"):
        with pytest.raises(errors.InvalidArgumentError, match="PEM"):
            Client(address, tls=Tls(authority=b"no PEM text"))


def test_waits_grow_and_are_drawn_evenly() -> None:
    rule = Retries(limit=6, base_seconds=1, max_seconds=8, burst=10_000)
    longest = [0.0] * 6
    shortest = [99.0] * 6
    for _ in range(300):
        attempts = Attempts(rule, Budget(rule), 1e6)
        for number in range(6):
            wait = attempts.wait_after(errors.UnavailableError("busy"))
            longest[number] = max(longest[number], wait)
            shortest[number] = min(shortest[number], wait)
        with pytest.raises(errors.UnavailableError, match="busy"):
            attempts.wait_after(errors.UnavailableError("busy"))
    for number, bound in enumerate([1, 2, 4, 8, 8, 8]):
        assert 0.9 * bound < longest[number] <= bound
        assert shortest[number] < 0.1 * bound


def test_the_budget_refills_by_calls() -> None:
    budget = Budget(Retries(ratio=0.1, burst=2))
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    for _ in range(11):
        budget.earn()
    assert [budget.spend() for _ in range(2)] == [True, False]
    for _ in range(1000):
        budget.earn()
    assert [budget.spend() for _ in range(3)] == [True, True, False]


def test_large_floats_are_no_larger_as_doubles() -> None:
    largest = np.finfo(np.float32).max
    for value in (largest, -largest, np.float32(3.3e38), np.float64(1e308), np.finfo(np.float64).max):
        (found,) = json.loads(request("", {"x": np.array([value])}))["inputs"]["x"]
        assert abs(found) <= float(np.finfo(value.dtype).max)
        assert value.dtype.type(found) == value
    assert request("s", {"x": np.float32([0.1, np.nan])}) == b'{"signature_name":"s","inputs":{"x":[0.10000000149011612, NaN]}}'


def test_it_loads_nothing_of_the_server() -> None:
    code = "import sys, headrace.client; print([name for name in sys.modules if name.startswith('headrace.serving')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
