"""The tests of significance against scipy.stats, and against values that statsmodels gives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from headrace.serving.routing.significance import Moments, Proportion, compare_means, compare_rates, wilson

RATES = [(200, 20, 180, 30), (1000, 10, 50, 5), (12, 3, 9, 8), (5000, 2500, 5000, 2600)]
STATSMODELS = [
    (-0.0017688341276788783, 0.13691190674843517, 1.919595917074342, 0.05490896018743928),
    (0.03286825380804783, 0.20369376654564697, 5.233670255931882, 1.6617679572622894e-07),
    (0.2092377236899346, 0.8239859319502936, 2.9010186298797, 0.003719517641997308),
    (0.00040486172377786, 0.03957343307707819, 2.0004001200400157, 0.04545707544501719),
]
"""Of statsmodels 0.15.0: confint_proportions_2indep(method="newcomb") and proportions_ztest, for the same tables."""


def test_proportions_and_moments_grow_by_one_observation() -> None:
    numbers = np.random.default_rng(1).normal(3, 2, 500)
    moments, proportion = Moments(), Proportion()
    for number in numbers:
        moments, proportion = moments.plus(float(number)), proportion.plus(bool(number > 3))
    assert moments.count == 500
    assert moments.mean == pytest.approx(numbers.mean())
    assert moments.variance == pytest.approx(numbers.var(ddof=1))
    assert proportion.rate == (numbers > 3).mean()


@pytest.mark.parametrize(("n1", "x1", "n2", "x2"), RATES)
def test_the_z_test_is_the_chi_squared_test_of_the_same_table(n1: int, x1: int, n2: int, x2: int) -> None:
    found = compare_rates(Proportion(n1, x1), Proportion(n2, x2))
    expected = stats.chi2_contingency([[x1, n1 - x1], [x2, n2 - x2]], correction=False)
    assert found is not None
    assert found.statistic**2 == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.difference == pytest.approx(x2 / n2 - x1 / n1)


@pytest.mark.parametrize(("table", "expected"), list(zip(RATES, STATSMODELS, strict=True)))
def test_interval_and_p_value_are_those_of_statsmodels(table: tuple[int, ...], expected: tuple[float, ...]) -> None:
    found = compare_rates(Proportion(*table[:2]), Proportion(*table[2:]))
    assert found is not None
    assert (found.low, found.high, found.statistic, found.p_value) == pytest.approx(expected)


@pytest.mark.parametrize(("n1", "x1", "n2", "x2"), RATES)
def test_wilsons_interval_is_scipys(n1: int, x1: int, n2: int, x2: int) -> None:
    for count, successes in ((n1, x1), (n2, x2), (n1, 0), (n2, n2)):
        expected = stats.binomtest(successes, count).proportion_ci(0.99, method="wilson")
        assert wilson(Proportion(count, successes), 0.99) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("sizes", [(20, 30), (2, 2), (400, 3)])
def test_welchs_test_is_scipys(sizes: tuple[int, int]) -> None:
    random = np.random.default_rng(sum(sizes))
    first, second = random.normal(0, 1, sizes[0]), random.normal(0.5, 3, sizes[1])
    moments = [Moments(len(each), float(each.mean()), float(((each - each.mean()) ** 2).sum())) for each in (first, second)]
    found = compare_means(*moments, confidence=0.9)
    expected = stats.ttest_ind(second, first, equal_var=False)
    interval = expected.confidence_interval(0.9)
    assert found is not None
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_what_cannot_be_compared() -> None:
    assert compare_rates(Proportion(), Proportion(10, 5)) is None
    assert compare_means(Moments(1, 3.0), Moments(5, 1.0, 2.0)) is None
    assert compare_means(Moments(4, 3.0, 0.0), Moments(5, 1.0, 0.0)) is None
    assert wilson(Proportion(), 0.95) == (0.0, 1.0)
    assert math.isnan(Moments(1, 3.0).variance)


def test_all_against_none_is_as_sure_as_it_gets() -> None:
    found = compare_rates(Proportion(100, 0), Proportion(100, 100), 0.999)
    assert found is not None
    assert 0.85 < found.low < found.difference == 1.0
    assert found.high == pytest.approx(1.0)
    assert found.p_value < 1e-40
    same = compare_rates(Proportion(100, 0), Proportion(50, 0))
    assert same is not None
    assert (same.statistic, same.p_value) == (0.0, 1.0)
