"""Which version answers, over REST and gRPC."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.serving.batching.options import AdaptiveBatching, BatchingOptions
from headrace.serving.examples import first_value
from headrace.serving.routing.split import pick, place_of
from tests.serving.fleet import config
from tests.serving.toy import wait_until
from tests.serving.toy_grpc import predict_request
from tests.serving.toy_heads import example
from tests.serving.toy_traffic import PATH, Site, variant

X = np.ones((1, 2), np.float32)
STABLE, CANARY = variant("stable", 1, 90), variant("canary", 2, 10)
USERS = [f"user-{number}" for number in range(40)]


def versions(responses: Any) -> Counter[tuple[str, str]]:
    """Who said that it answered."""
    found: Counter[tuple[str, str]] = Counter()
    for response in responses:
        assert response.status_code == 200, response.text
        version, name = response.headers["x-headrace-model-version"], response.headers.get("x-headrace-variant", "")
        assert response.json() == {"predictions": [[float(version), 2 * float(version)]]}
        found[version, name] += 1
    return found


def by_grpc(client: Any, metadata: list[tuple[str, str]], request: Any = None) -> dict[str, str]:
    """What the answer to a request over gRPC brings along."""
    method = client.method("Predict")
    _, call = method.with_call(request or predict_request(x=X), metadata=metadata, timeout=60, wait_for_ready=True)
    return {key: value for key, value in call.initial_metadata() if key.startswith("x-headrace-")}


def share(user: str, salt: str = "m") -> str:
    return ["stable", "canary"][pick([50, 50], place_of(salt, user.encode()))]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with Site(tmp_path_factory.mktemp("site"), 1.0, 2.0, 3.0, labels={"stable": 1, "canary": 2}) as site:
        yield site


def test_without_rules_the_highest_version_answers(site: Site) -> None:
    site.traffic.replace({}, "test")
    (response,) = site.predict()
    assert response.json() == {"predictions": [[3.0, 6.0]]}
    assert not response.headers.keys() & {"x-headrace-model-version", "x-headrace-variant", "x-headrace-request-id"}


def test_a_split_is_exact(site: Site) -> None:
    site.rules(STABLE, CANARY)
    found = versions(site.predict(200))
    assert sum(found.values()) == 200
    assert abs(found["2", "canary"] - 20) <= 3


def test_requests_that_name_a_version_or_label_get_it(site: Site) -> None:
    site.rules(variant("stable", 1, 1))
    for path, expected in (("/v1/models/m/versions/3:predict", 3.0), ("/v1/models/m/labels/canary:predict", 2.0)):
        response = site.ask("POST", path, content=b'{"instances": [[1, 2]]}')
        assert response.json() == {"predictions": [[expected, 2 * expected]]}
        assert "x-headrace-variant" not in response.headers
    assert site.traffic.report("m")["variants"]["stable"]["requests"] == 0


def test_labels_are_variants(site: Site) -> None:
    site.rules({"name": "old", "label": "stable", "weight": 1}, {"name": "new", "label": "canary", "weight": 1})
    assert versions(site.predict(10)).keys() == {("1", "old"), ("2", "new")}


def test_users_stay_where_they_are_over_both_protocols(site: Site) -> None:
    site.rules(variant("stable", 1, 50), variant("canary", 2, 50), sticky={"header": "x-user"})
    client = site.grpc()
    rest = site.predict(len(USERS), headers=lambda number: {"X-User": USERS[number]})
    for user, response in zip(USERS, rest, strict=True):
        assert response.headers["x-headrace-variant"] == share(user)
        assert by_grpc(client, [("x-user", user)])["x-headrace-variant"] == share(user)
    assert {share(user) for user in USERS} == {"stable", "canary"}
    assert len(versions(site.predict(10))) == 2  # without the header the split decides


@pytest.mark.parametrize("batching", [None, BatchingOptions(AdaptiveBatching())])
def test_an_input_keeps_users_too(tmp_path: Path, batching: BatchingOptions | None) -> None:
    with Site(tmp_path, 1.0, 2.0, batching=batching) as site:
        site.rules(variant("stable", 1, 50), variant("canary", 2, 50), sticky={"input": "b"})
        client = site.grpc()
        for number in range(8):
            expected = share(str(number))
            bodies = [
                f'{{"signature_name": "pair", "instances": [{{"a": 1.5, "b": {number}}}, {{"a": 1, "b": 77}}]}}',
                f'{{"signature_name": "pair", "inputs": {{"a": [1.5], "b": [{number}]}}}}',
            ]
            for body in bodies:
                assert site.ask("POST", PATH, content=body).headers["x-headrace-variant"] == expected
            v2 = (
                '{"parameters": {"signature": "pair"}, "inputs": [{"name": "a", "datatype": "FP32", "shape": [1], "data": [1]},'
                f'{{"name": "b", "datatype": "INT64", "shape": [1], "data": [{number}]}}]}}'
            )
            assert site.ask("POST", "/v2/models/m/infer", content=v2).headers["x-headrace-variant"] == expected
            request = predict_request("pair", a=np.ones(1, np.float32), b=np.array([number], np.int64))
            assert by_grpc(client, [], request)["x-headrace-variant"] == expected
        assert site.ask("POST", PATH, content=b"{").status_code == 400


def test_a_request_may_name_its_variant_where_the_rules_let_it(site: Site) -> None:
    site.rules(STABLE, CANARY, allow_override=True)
    client = site.grpc()
    assert versions(site.predict(10, headers=lambda _: {"X-Headrace-Variant": "canary"})) == {("2", "canary"): 10}
    assert by_grpc(client, [("x-headrace-variant", "canary")])["x-headrace-model-version"] == "2"
    assert versions(site.predict(1, headers=lambda _: {"X-Headrace-Variant": "other"})).total() == 1
    report = site.traffic.report("m")["variants"]["canary"]
    assert (report["unassigned"], report["requests"]) == (11, 0)
    site.rules(STABLE, {**CANARY, "weight": 0})
    assert versions(site.predict(10, headers=lambda _: {"X-Headrace-Variant": "canary"})) == {("1", "stable"): 10}


def test_the_answer_has_the_id_that_the_request_gave(site: Site) -> None:
    site.rules(STABLE, CANARY)
    given, made = site.predict(2, headers=lambda number: {"X-Headrace-Request-Id": "abc-1"} if not number else {})
    assert given.headers["x-headrace-request-id"] == "abc-1"
    assert len(made.headers["x-headrace-request-id"]) == 32
    (long,) = site.predict(headers=lambda _: {"X-Headrace-Request-Id": "a" * 200})
    assert len(long.headers["x-headrace-request-id"]) == 32
    assert by_grpc(site.grpc(), [("x-headrace-request-id", "abc-2")])["x-headrace-request-id"] == "abc-2"


def test_errors_say_who_made_them(site: Site) -> None:
    site.rules(variant("only", 2, 1))
    response = site.ask("POST", PATH, content=b'{"instances": [[1]]}')
    assert response.status_code == 400
    assert response.headers["x-headrace-variant"] == "only"
    assert site.traffic.report("m")["variants"]["only"]["errors"] == {"INVALID_ARGUMENT": 1}


def test_a_version_that_is_away_is_stood_in_for(tmp_path: Path) -> None:
    with Site(tmp_path, 1.0, 2.0, 3.0) as site:
        site.rules(variant("stable", 1, 50), variant("canary", 2, 50), variant("other", 3, 0))
        site.models.reload(config(m={**site.config, "versions": [1, 3]}))
        wait_until(lambda: site.models.available_versions()["m"] == [3, 1] or site.models.available_versions()["m"] == [1, 3])
        assert versions(site.predict(20)) == {("1", "stable"): 20}
        report = site.traffic.report("m")["variants"]
        assert report["canary"]["fallbacks"] == 10
        assert not report["canary"]["available"]
        assert 'headrace_serving_traffic_fallbacks_total{model="m",variant="canary"} 10' in site.page()
        site.models.reload(config(m={**site.config, "versions": [3]}))
        wait_until(lambda: site.models.available_versions()["m"] == [3])
        assert versions(site.predict(4)) == {("3", ""): 4}  # as without rules


def test_changes_under_load_lose_nothing(tmp_path: Path) -> None:
    stop = threading.Event()

    def load() -> Counter[tuple[str, str]]:
        found: Counter[tuple[str, str]] = Counter()
        while not stop.is_set():
            found.update(versions(site.predict(20)))
        return found

    with Site(tmp_path, 1.0, 2.0, 3.0) as site, ThreadPoolExecutor(3) as clients:
        site.rules(variant("a", 1, 1))
        try:
            loads = [clients.submit(load) for _ in range(3)]
            for number in range(20):
                third = 3 if number % 10 < 5 else 2  # rules may only name what is there; it may go away later
                site.rules(variant("a", 1 + number % 2, 1), variant("b", third, number % 4))
                if number % 10 == 4:
                    site.models.reload(config(m={**site.config, "versions": [1, 2]}))
                if number % 10 == 8:
                    site.models.reload(config(m=site.config))
                    wait_until(lambda: len(site.models.available_versions()["m"]) == 3)
        finally:
            stop.set()
        assert all(each.result(60).total() for each in loads)


def test_features_of_examples_keep_users() -> None:
    shared = example(user=[b"ann"], country=[b"it"])
    first = example(user=[b"bob"], age=[7])
    assert first_value(first, shared, "user") == b"bob"
    assert first_value(first, shared, "age") == 7
    assert first_value(first, shared, "country") == b"it"
    assert first_value(first, shared, "x") is None
    assert first_value(b"\xff", shared, "user") is None
