"""How well a number foretells another one: ranks, correlation, deciles, lift and the interval of a rate.

Pure functions on arrays. `bi.score_validation` says the same in SQL, and a test holds the two together.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MINIMUM_REACTIONS = 3
"""Who received fewer in the 30 days before is not forecast: most of them receive none afterwards either."""

HORIZON_DAYS = 30
GROUPS = 10
_Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Forecast:
    """How a predictor did. None where there is nothing to tell: no spread, or fewer than ten people."""

    spearman: float | None
    top_decile_lift: float | None


def forecasts(
    predictors: Mapping[str, Floats], received: Floats, people: Sequence[str]
) -> dict[str, Forecast]:
    """Every predictor against what was received, each array (people,); `people` breaks ties of deciles."""
    return {
        name: Forecast(spearman(values, received), top_decile_lift(values, received, people))
        for name, values in predictors.items()
    }


def mean_ranks(values: Floats) -> Floats:
    """Ranks from 1; equal values share the mean of theirs. Shape of `values`."""
    return np.asarray(stats.rankdata(values, method="average"), dtype=np.float64)


def spearman(left: Floats, right: Floats) -> float | None:
    """Rank correlation in [-1, 1]: Pearson's on mean ranks (Spearman, 1904). None where one has no spread."""
    if len(left) < 2:
        return None
    a, b = (ranks - ranks.mean() for ranks in (mean_ranks(left), mean_ranks(right)))
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0 else None


def deciles(values: Floats, people: Sequence[str]) -> Ints:
    """Tenths of the people by value, 1 for the lowest, (people,), as SQL's ntile(10) cuts them.

    Equal values are told apart by the hash of the person's id: by the id itself, the older accounts or
    one network's would always come first.
    """
    keys = [hashlib.md5(person.encode(), usedforsecurity=False).hexdigest() for person in people]
    order = np.lexsort((np.asarray(keys, dtype=object).astype(str), values))
    found = np.zeros(len(values), dtype=np.int64)
    for number, members in enumerate(np.array_split(order, GROUPS), 1):
        found[members] = number
    return found


def top_decile_lift(values: Floats, received: Floats, people: Sequence[str]) -> float | None:
    """What the highest tenth received on average, as a multiple of everybody's mean."""
    if len(values) < GROUPS or received.sum() <= 0:
        return None
    return float(received[deciles(values, people) == GROUPS].mean() / received.mean())


def wilson(successes: int, trials: int) -> tuple[float, float] | None:
    """The 95 % interval of a rate (Wilson, 1927), which holds for few trials and where none succeeds."""
    if trials <= 0:
        return None
    rate, z2 = successes / trials, _Z_95**2
    centre = (rate + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z_95 / (1 + z2 / trials) * math.sqrt(rate * (1 - rate) / trials + z2 / (4 * trials**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def difference(
    successes: int, trials: int, other_successes: int, other_trials: int
) -> tuple[float, float, float] | None:
    """One rate less another and its 95 % interval (Newcombe, 1998, method 10). None where one had no trials.

    It is made of both rates' Wilson intervals, and so has width where nobody or everybody succeeds.
    """
    first, second = wilson(successes, trials), wilson(other_successes, other_trials)
    if first is None or second is None:
        return None
    rate, other = successes / trials, other_successes / other_trials
    low = rate - other - math.hypot(rate - first[0], second[1] - other)
    high = rate - other + math.hypot(first[1] - rate, other - second[0])
    return rate - other, max(-1.0, low), min(1.0, high)
