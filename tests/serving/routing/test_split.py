"""The split is exact, and users stay where they are unless their variant's share says otherwise."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.serving.routing.split import Places, further_place, pick, place_of

WEIGHTS = st.lists(st.integers(0, 1000), min_size=1, max_size=8).filter(any)
PLACES = st.integers(0, (1 << 53) - 1).map(lambda n: n / (1 << 53))
KEYS = [f"user-{n}".encode() for n in range(4000)]


@settings(max_examples=50, deadline=None)
@given(WEIGHTS, st.integers(1, 4))
def test_each_gets_its_share_of_any_requests_to_within_a_few(weights: list[int], every: int) -> None:
    places = Places()
    found: Counter[int] = Counter()
    for count in range(1, 2001):
        for _ in range(every):  # also when other requests come between, in turn
            place = places.next()
        found[pick(weights, place)] += 1
        if count % 500 == 0:
            for index, weight in enumerate(weights):
                assert abs(found[index] - count * weight / sum(weights)) <= 12


@given(WEIGHTS, PLACES)
def test_only_variants_with_a_weight_are_picked(weights: list[int], place: float) -> None:
    assert weights[pick(weights, place)] > 0


@given(st.lists(st.floats(0, 1e9, allow_nan=False), min_size=1, max_size=16).filter(any), PLACES)
def test_rounding_leaves_no_place_to_a_variant_without_a_weight(weights: list[float], place: float) -> None:
    assert weights[pick(weights, place)] > 0


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100), PLACES)
def test_a_growing_share_moves_only_users_of_the_first_variant(one: int, two: int, other: int, place: float) -> None:
    """With up to three variants, of which one other grows: whoever is not taken from the first one stays."""
    low, high = sorted((one, two))
    if high + other > 100:
        high = 100 - other
        low = min(low, high)
    if high == low:
        return
    for position in (1, 2):
        old, new = [100 - low - other, low, other], [100 - high - other, high, other]
        if position == 2:
            old, new = [old[0], old[2], old[1]], [new[0], new[2], new[1]]
        was, is_now = pick(old, place), pick(new, place)
        assert was == is_now or (was, is_now) == (0, position)


def test_from_ten_to_twenty_percent_moves_a_tenth_of_the_users() -> None:
    before = [pick([90, 10], place_of("salt", key)) for key in KEYS]
    after = [pick([80, 20], place_of("salt", key)) for key in KEYS]
    assert all(new == 1 for old, new in zip(before, after, strict=True) if old == 1)
    assert sum(before) / len(KEYS) == pytest.approx(0.1, abs=0.02)
    assert sum(after) / len(KEYS) == pytest.approx(0.2, abs=0.025)


def test_the_place_is_what_the_documentation_says() -> None:
    digest = hashlib.sha256(b"salt\0user-1").hexdigest()
    assert place_of("salt", b"user-1") == int(digest[:16], 16) // 2**11 / 2**53
    assert place_of("salt", b"user-1") != place_of("pepper", b"user-1")


def test_another_experiment_shuffles_the_users_anew() -> None:
    both = Counter((pick([1, 1], place_of("a", key)), pick([1, 1], place_of("b", key))) for key in KEYS)
    assert all(abs(count / len(KEYS) - 0.25) < 0.04 for count in both.values())


def test_users_of_a_variant_that_is_away_spread_over_the_others() -> None:
    places = [place_of("s", key) for key in KEYS]
    away = [further_place(place) for place in places if pick([50, 30, 20], place) == 1]
    found = Counter(pick([50, 0, 20], place) for place in away)
    assert found[0] / len(away) == pytest.approx(5 / 7, abs=0.06)
    assert further_place(places[0]) == further_place(places[0])
