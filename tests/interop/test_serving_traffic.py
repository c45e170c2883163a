"""Traffic rules as the client of tensorflow-serving-api sees them."""

from __future__ import annotations

from pathlib import Path

from headrace.serving.routing.split import pick, place_of
from tests.interop.peer_runs import run_peer
from tests.serving.toy_traffic import FAILS, Site, variant

HALVES = (variant("stable", 1, 50), variant("canary", 2, 50))


def test_users_stay_and_the_rest_is_split(tmp_path: Path, tensorflow_python: Path) -> None:
    with Site(tmp_path, 1.0, 2.0) as site:
        site.rules(*HALVES, sticky={"header": "x-user"}, allow_override=True)
        site.grpc()
        found = run_peer(tensorflow_python, "serving_traffic.py", site.address, 20, 40)
        for number, answers in enumerate(found["users"]):
            index = pick([50, 50], place_of("m", f"user-{number}".encode()))
            for answer in answers:
                assert answer["x-headrace-variant"] == ["stable", "canary"][index]
                assert answer["version"] == int(answer["x-headrace-model-version"]) == index + 1
                assert answer["y"] == [[index + 1.0] * 2]
        assert [answer["version"] for answer in found["nobody"]].count(2) in (19, 20, 21)
        assert found["override"]["x-headrace-variant"] == "canary"
        assert found["override"]["x-headrace-request-id"] == "my-id"
        told = found["nobody"][0]
        counted = site.feedback(request_id=told["x-headrace-request-id"], outcome=True).json()
        assert counted == {"model": "m", "variant": told["x-headrace-variant"], "counted": True}


def test_a_canary_that_fails_is_rolled_back_under_its_requests(tmp_path: Path, tensorflow_python: Path) -> None:
    limits = {"max_error_rate_increase": 0.05, "min_requests": 10, "window_seconds": 20}
    with Site(tmp_path, 1.0, FAILS) as site:
        site.rules(*HALVES, rollback={"variant": "canary", "baseline": "stable", **limits})
        site.grpc()
        found = run_peer(tensorflow_python, "serving_traffic.py", site.address, 0, 600)
        assert site.traffic.report("m")["rolled_back"]["canary"]["why"] == "errors"
        first = found["nobody"][:10]
        assert {answer["x-headrace-variant"] for answer in first} == {"stable", "canary"}
        assert {answer["code"] for answer in first if answer["x-headrace-variant"] == "stable"} == {"OK"}
        last = found["nobody"][-50:]
        assert {(answer["code"], answer["x-headrace-variant"]) for answer in last} == {("OK", "stable")}
