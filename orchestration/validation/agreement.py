"""How alike two sets of scores of the same people are. Pure functions on arrays and mappings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BINS = 10
TOP = 100
PERSISTENCE = 0.9
DIFFERENCES = (-20.0, -10.0, -5.0, -3.0, -2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0)
"""Where the histogram of differences is cut, in points."""


@dataclass(frozen=True)
class Psi:
    """A Population Stability Index, the upper ends of all bins but the last, and the counts."""

    value: float
    edges: tuple[float, ...]
    first: tuple[int, ...]
    second: tuple[int, ...]

    @property
    def bins(self) -> int:
        return len(self.first)


def psi(first: Floats, second: Floats) -> Psi | None:
    """Population Stability Index of `second` against `first`: the sum over bins of (q - p)·ln(q / p).

    Bins are cut at the deciles of `first`; a bin holds its upper end. Where many people have one score,
    deciles coincide and there are fewer than ten bins. An empty bin would make the index infinite, so that
    each bin counts half a person more, in both: (n + ½) / (N + bins / 2). None without people.
    """
    if not len(first) or not len(second):
        return None
    levels = np.arange(1, BINS) / BINS
    edges = np.unique(np.quantile(first, levels, method="inverted_cdf"))
    counts = [_counts(values, edges) for values in (first, second)]
    p, q = ((count + 0.5) / (count.sum() + len(count) / 2) for count in counts)
    value = float(np.sum((q - p) * np.log(q / p)))
    in_first, in_second = (tuple(int(n) for n in count) for count in counts)
    return Psi(value, tuple(float(edge) for edge in edges), in_first, in_second)


def _counts(values: Floats, edges: Floats) -> Ints:
    return np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)


def kendall_tau_b(first: Floats, second: Floats) -> float | None:
    """Kendall's tau-b, which corrects for ties (Kendall, 1945). None where one has no spread."""
    found = float(stats.kendalltau(first, second, variant="b").statistic) if len(first) > 1 else math.nan
    return None if math.isnan(found) else found


def rank_biased_overlap(
    first: Mapping[str, float], second: Mapping[str, float], top: int = TOP, p: float = PERSISTENCE
) -> float | None:
    """Extrapolated rank-biased overlap of the two lists' tops, in [0, 1]: 1 for equal lists, 0 for strangers.

    Webber, Moffat and Zobel, "A similarity measure for indefinite rankings" (2010), equation 23 at depth k:
    RBO = (1 - p)/p · Σ_{d=1..k} A_d·p^d + A_k·p^k. Ties after Corsi and Urbano, "The treatment of ties in
    rank-biased overlap" (2024), variant b: somebody who shares the ranks t to b is among the first d with the
    chance c = (d - t + 1)/(b - t + 1), and A_d = Σ c·c' / √(Σ c² · Σ c'²), which is 1 for equal lists and
    the plain overlap without ties. A list shorter than `top` bounds k: deeper down there is nothing to
    compare. None where a list is empty.
    """
    k = min(top, len(first), len(second))
    if k == 0:
        return None
    ranks = [_tied_ranks(scores, k) for scores in (first, second)]
    people = sorted(ranks[0].keys() | ranks[1].keys())
    nowhere = (k + 1, k + 1)
    ends = [np.array([of.get(person, nowhere) for person in people], dtype=np.float64) for of in ranks]
    agreement = np.zeros(k)
    for depth in range(1, k + 1):
        c, other = (np.clip((depth - end[:, 0] + 1) / (end[:, 1] - end[:, 0] + 1), 0, 1) for end in ends)
        agreement[depth - 1] = (c @ other) / math.sqrt((c @ c) * (other @ other))
    weights = p ** np.arange(1, k + 1)
    return float((1 - p) / p * (agreement @ weights) + agreement[-1] * p**k)


def _tied_ranks(scores: Mapping[str, float], k: int) -> dict[str, tuple[int, int]]:
    """First and last rank of those who may be among the first k, equal scores sharing theirs."""
    people = list(scores)
    values = np.array([scores[person] for person in people], dtype=np.float64)
    best = stats.rankdata(-values, method="min").astype(int)
    worst = stats.rankdata(-values, method="max").astype(int)
    return {person: (int(t), int(b)) for person, t, b in zip(people, best, worst, strict=True) if t <= k}


def histogram(differences: Floats) -> list[tuple[float | None, float | None, int]]:
    """(from, up to, how many) of differences in points; a bin holds its lower end, None is without end."""
    cuts = np.array(DIFFERENCES)
    counts = np.bincount(np.searchsorted(cuts, differences, side="right"), minlength=len(cuts) + 1)
    ends = [None, *DIFFERENCES, None]
    return [(ends[n], ends[n + 1], int(count)) for n, count in enumerate(counts)]
