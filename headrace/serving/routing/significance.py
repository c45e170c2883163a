"""Whether two variants differ, or chance alone made it look so.

Each test is for one look at a number of observations that was fixed before. To look again and again and to stop at the first small
p-value finds differences where there are none, far more often than the p-value says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import special


@dataclass(frozen=True, slots=True)
class Proportion:
    """How many of `count` trials succeeded."""

    count: int = 0
    successes: int = 0

    @property
    def rate(self) -> float:
        """The part that succeeded; NaN without trials."""
        return self.successes / self.count if self.count else math.nan

    def plus(self, success: bool) -> Proportion:
        """With one more trial."""
        return Proportion(self.count + 1, self.successes + success)


@dataclass(frozen=True, slots=True)
class Moments:
    """Numbers that were observed, as `count`, `mean` and the sum of squared differences from it (Welford's method)."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    @property
    def variance(self) -> float:
        """Of a sample; NaN for fewer than two numbers."""
        return self.squares / (self.count - 1) if self.count > 1 else math.nan

    def plus(self, value: float) -> Moments:
        """With one more number."""
        count = self.count + 1
        off = value - self.mean
        mean = self.mean + off / count
        return Moments(count, mean, self.squares + off * (value - mean))


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a variant differs from the baseline.

    Attributes:
        difference: of the means or rates, the variant's less the baseline's.
        low: of the confidence interval of the difference;
        high: its other end.
        statistic: z or t.
        p_value: how likely a difference at least so large is, either way, if there is none.
    """

    difference: float
    low: float
    high: float
    statistic: float
    p_value: float


def compare_rates(baseline: Proportion, variant: Proportion, confidence: float = 0.95) -> Comparison | None:
    """The two-proportion z-test with pooled variance, and Newcombe's interval of the difference.

    Source: R. G. Newcombe, Interval estimation for the difference between independent proportions, Statistics in Medicine 17
    (1998), method 10.

    Returns:
        None when one of them has no trials.
    """
    if not (baseline.count and variant.count):
        return None
    difference = variant.rate - baseline.rate
    pooled = (baseline.successes + variant.successes) / (baseline.count + variant.count)
    error = math.sqrt(pooled * (1 - pooled) * (1 / baseline.count + 1 / variant.count))
    z = difference / error if error else 0.0
    low, high = _newcombe(baseline, variant, confidence)
    return Comparison(difference, low, high, z, 2 * float(special.ndtr(-abs(z))))


def compare_means(baseline: Moments, variant: Moments, confidence: float = 0.95) -> Comparison | None:
    """Welch's t-test, and the interval of the difference that belongs to it.

    Returns:
        None when one of them has fewer than two numbers, or neither varies.
    """
    if min(baseline.count, variant.count) < 2:
        return None
    first, second = baseline.variance / baseline.count, variant.variance / variant.count
    if not (first + second > 0 and math.isfinite(first + second)):
        return None
    error = math.sqrt(first + second)
    degrees = (first + second) ** 2 / (first**2 / (baseline.count - 1) + second**2 / (variant.count - 1))
    difference = variant.mean - baseline.mean
    t = difference / error
    reach = float(special.stdtrit(degrees, (1 + confidence) / 2)) * error
    return Comparison(difference, difference - reach, difference + reach, t, 2 * float(special.stdtr(degrees, -abs(t))))


def wilson(found: Proportion, confidence: float) -> tuple[float, float]:
    """Wilson's score interval of a rate; (0, 1) without trials."""
    if not found.count:
        return 0.0, 1.0
    z = float(special.ndtri((1 + confidence) / 2))
    count, rate = found.count, found.rate
    middle = rate + z * z / (2 * count)
    reach = z * math.sqrt(rate * (1 - rate) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def _newcombe(baseline: Proportion, variant: Proportion, confidence: float) -> tuple[float, float]:
    base_low, base_high = wilson(baseline, confidence)
    low, high = wilson(variant, confidence)
    difference = variant.rate - baseline.rate
    down = math.hypot(variant.rate - low, base_high - baseline.rate)
    up = math.hypot(high - variant.rate, baseline.rate - base_low)
    return difference - down, difference + up
