"""Rules are replaced whole or not at all, from a file or through the admin API."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from headrace.cli.main import main
from headrace.core.errors import FailedPreconditionError, InvalidArgumentError, OpError
from headrace.serving.context import RequestContext, Routed
from headrace.serving.routing import watch
from headrace.serving.routing.governor import ChangedError
from headrace.serving.routing.options import TrafficOptions
from headrace.serving.routing.rules import parse
from headrace.serving.routing.watch import RulesWatcher
from headrace.serving.server import ModelServer, ServerOptions
from tests.serving.toy import ToyEngine, wait_until
from tests.serving.toy_traffic import Site, variant

HALVES = [variant("stable", 1, 50), variant("canary", 2, 50)]
TOML = """
[models.m]
variants = [{{ name = "stable", version = 1, weight = {} }}, {{ name = "canary", version = 2, weight = {} }}]
"""


@pytest.fixture
def site(tmp_path: Path) -> Any:
    with Site(tmp_path / "site", 1.0, 2.0, labels={"stable": 1}) as site:
        yield site


def test_refused_rules_leave_the_old_ones_in_force(site: Site) -> None:
    site.rules(*HALVES)
    before = site.traffic.current()
    list(site.predict(4))
    with pytest.raises(InvalidArgumentError, match=r"models.m: variants has 0 entries"):
        site.rules()
    message = (
        "model 'n' is not served here; variant 'b': model 'm' has no version 7; expected one of: 1, 2;"
        " variant 'c': model 'm' has no label 'canary'"
    )
    variants = [variant("a", 1, 1), variant("b", 7, 1), {"name": "c", "label": "canary", "weight": 1}]
    with pytest.raises(FailedPreconditionError) as caught:
        site.traffic.replace({"models": {"n": {"variants": HALVES}, "m": {"variants": variants}}}, "ann")
    assert caught.value.message == message
    assert site.traffic.current() == before
    assert site.traffic.report("m")["variants"]["stable"]["requests"] == 2
    assert [event[:4] for event in site.audit] == [
        ("test", "traffic.replace", "m", "OK"),
        ("test", "traffic.replace", "*", "INVALID_ARGUMENT"),
        ("ann", "traffic.replace", "*", "FAILED_PRECONDITION"),
    ]
    page = site.page()
    assert 'headrace_serving_traffic_rules_changes_total{code="OK"} 1' in page
    assert "headrace_serving_traffic_rules_last_change_successful 0" in page
    assert 'headrace_serving_traffic_share{model="m",variant="canary"} 0.5' in page


def test_rules_that_stay_keep_their_counts(site: Site) -> None:
    site.rules(*HALVES)
    list(site.predict(4))
    _, etag = site.traffic.current()
    site.traffic.replace({"models": {"m": {"variants": HALVES}}}, "ann", etag)
    assert site.traffic.report("m")["variants"]["stable"]["requests"] == 2
    site.traffic.replace({"models": {"m": {"variants": HALVES[:1]}}}, "ann", etag)
    assert site.traffic.report("m")["variants"]["stable"]["requests"] == 0
    with pytest.raises(ChangedError, match="the rules were changed meanwhile"):
        site.traffic.replace({}, "bob", etag)


def test_a_request_that_began_under_other_rules_counts_for_none(site: Site) -> None:
    site.rules(*HALVES)
    old = Routed(object(), "canary")
    site.dataplane.answered("m", "Predict", RequestContext(routed=old), "INTERNAL", 0.1)
    assert site.traffic.report("m")["variants"]["canary"]["requests"] == 0


def test_the_start_takes_rules_for_what_is_not_there_yet(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "headrace.serving.routing.traffic"):
        site.traffic.begin(parse({"models": {"m": {"variants": [variant("new", 9, 1), variant("old", 1, 1)]}}}))
    assert "model 'm' has no version 9" in caplog.text
    assert [answer.headers["x-headrace-variant"] for answer in site.predict(4)] == ["old"] * 4
    report = site.traffic.report("m")["variants"]["new"]
    assert (report["available"], report["version"], report["fallbacks"]) == (False, 9, 2)


def test_a_file_is_followed(site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "traffic.toml"
    watcher = RulesWatcher(path, 0.01, site.traffic, b"")
    with caplog.at_level(logging.ERROR, "headrace.serving.routing.watch"):
        assert not watcher.look()
        assert "cannot read the traffic rules" in caplog.text
        path.write_text(TOML.format(100, 0))
        assert watcher.look()
        assert not watcher.look()
        assert site.traffic.report("m")["variants"]["canary"]["share"] == 0
        path.write_text("nonsense")
        caplog.clear()
        assert not watcher.look()
        assert not watcher.look()
        assert caplog.text.count("is no TOML") == 1
        path.write_text(TOML.format(1, 1).replace("version = 2", "version = 3"))
        caplog.clear()
        assert not any(watcher.look() for _ in range(3))
        assert caplog.text.count("has no version 3") == 1
        assert [event[3] for event in site.audit].count("FAILED_PRECONDITION") == 1
    assert not watcher.look()
    halves = iter([b"", b"x = "])
    monkeypatch.setattr(watch, "load", lambda _: next(halves))
    assert not watcher.look()  # it is still being written
    monkeypatch.undo()
    assert site.traffic.report("m")["variants"]["canary"]["share"] == 0
    watcher.start()
    path.write_text(TOML.format(1, 3))
    wait_until(lambda: bool(site.traffic.report("m")["variants"]["canary"]["share"] == 0.75))
    watcher.stop(30)


@pytest.mark.parametrize(
    ("text", "part"),
    [("nonsense", "is no TOML"), ("[models.m]\nx = 1\nvariants = []", "has the unknown key 'x'"), (None, "cannot read")],
)
def test_a_server_does_not_start_on_bad_rules(tmp_path: Path, text: str | None, part: str) -> None:
    path = tmp_path / "traffic.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(OpError, match=part):
        ModelServer(ServerOptions(base_path=tmp_path, traffic=TrafficOptions(path)), ToyEngine())


def test_there_is_nothing_to_poll_without_a_file(tmp_path: Path) -> None:
    flags = [f"--model_base_path={tmp_path}", "--traffic_config_file_poll_wait_seconds=1"]
    done = CliRunner().invoke(main, ["serve", *flags])
    assert done.exit_code == 2
    assert "give --traffic_config_file" in done.output
