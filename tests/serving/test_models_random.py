"""Random lists of models, one after the other: each is taken whole or not at all, and nothing is left over."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core.errors import NotFoundError, OpError
from headrace.serving.lifecycle import LifecycleOptions
from tests.serving.fleet import Fleet, config
from tests.serving.toy import wait_until

VERSIONS = (1, 2, 3)
PLACES = {"here": 1.0, "there": 10.0}
QUICKEST = LifecycleOptions(poll_seconds=0.005, max_load_retries=0, retry_seconds=0.0, warm_up=False)


def folder(name: str, place: str) -> str:
    return f"{name}-{place}"


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    """A model: where it lies, which versions are served, and labels, some of them of versions that are not."""
    served = draw(st.sets(st.sampled_from(VERSIONS), min_size=1))
    labels = draw(st.dictionaries(st.sampled_from(["stable", "canary"]), st.sampled_from(VERSIONS), max_size=2))
    return {"place": draw(st.sampled_from(sorted(PLACES))), "versions": sorted(served), "labels": labels}


lists = st.dictionaries(st.sampled_from(["a", "b", "c"]), entries(), max_size=3)


def served(fleet: Fleet) -> dict[str, dict[int, float]] | None:
    """What every AVAILABLE version makes of 1, by model; None when a version went while it was asked."""
    available = fleet.models.available_versions()
    try:
        return {name: {version: fleet.ask(name, version) for version in versions} for name, versions in available.items()}
    except NotFoundError:
        return None


def wanted(models: dict[str, Any]) -> dict[str, dict[int, float]]:
    return {name: {v: v * PLACES[each["place"]] for v in each["versions"]} for name, each in models.items()}


def refused(before: dict[str, Any], models: dict[str, Any]) -> bool:
    """True when a label names a version that the model does not serve now."""
    return any(
        version not in before.get(name, {"versions": []})["versions"]
        for name, each in models.items()
        for version in each["labels"].values()
    )


@settings(max_examples=25, deadline=None)
@given(st.lists(lists, min_size=1, max_size=6))
def test_every_list_is_taken_whole_or_not_at_all(changes: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as root:
        fleet = Fleet(Path(root), lifecycle=QUICKEST)
        for name in ("a", "b", "c"):
            for place, factor in PLACES.items():
                fleet.path(folder(name, place), *VERSIONS, factor=factor)
        fleet.begin(config())
        now: dict[str, Any] = {}
        for models in changes:
            given_list = {name: {**each, "base_path": fleet.root / folder(name, each["place"])} for name, each in models.items()}
            before = fleet.models.labels()
            try:
                result = fleet.models.reload(config(**given_list))
            except OpError as error:
                assert error.code == "FAILED_PRECONDITION"
                assert refused(now, models)
                assert fleet.models.labels() == before
            else:
                assert not refused(now, models)
                lost = {
                    name
                    for name, each in models.items()
                    if name in now
                    and now[name]["place"] != each["place"]
                    and not set(each["labels"].values()) <= set(each["versions"])
                }
                assert {outcome.model for outcome in result.outcomes if outcome.error is not None} == lost
                now = {name: now[name] if name in lost else each for name, each in models.items()}
            wait_until(lambda now=now: served(fleet) == wanted(now))
            for name, each in now.items():
                for label, version in each["labels"].items():
                    if version in each["versions"]:
                        assert fleet.ask(name, label=label) == version * PLACES[each["place"]]
        assert fleet.models.reload(config()).error is None
        wait_until(lambda: all(model.closed for model in fleet.engine.models.values()))
        assert fleet.models.stop(30)
