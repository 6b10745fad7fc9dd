"""Trust: who counts at all, passed on from seeds and never multiplied.

The idea is TrustRank's (Gyongyi, Garcia-Molina and Pedersen, 2004): trust starts at few known-good
accounts and is passed on along attention. What an account passes on is shared out among those it
attends to, so all the trust of a group, however large and however old, is at most what came in from
outside: a thousand fakes whom five people like share what five people's likes are worth. Only then is
it turned into a number from 0 to 1, and that number is never passed on again: a rule that multiplies
on the way makes every fake of the thousand fully trusted (tried; +12 points for their client).

Nobody is trusted on one account's word alone: the largest single source counts only up to a bound. So
it matters little which accounts the seeds are, and one bought friend does not open a door.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spark_jobs.graph.pagerank import pagerank
from spark_jobs.scoring_model import Trust

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_SETTLING = 20
"""Rounds after which the mean by which trust is measured moves no more."""


def tenure_ramp(age_days: Floats, model: Trust) -> Floats:
    """0 up to `tenure_from_day`, 1 from `tenure_full_day`, straight between. Shape of `age_days`."""
    span = model.tenure_full_day - model.tenure_from_day
    return np.clip((age_days - model.tenure_from_day) / span, 0.0, 1.0)


def attention_left(actor: Ints, saturated: Floats, accounts: int, model: Trust) -> Floats:
    """d: what is left of each account that reacts to everybody, (accounts,) in (0, 1].

    `actor` (pairs,) is who gives, `saturated` (pairs,) how much of the pair's saturation is used.
    """
    given = np.bincount(actor, weights=saturated, minlength=accounts)
    return np.minimum(1.0, model.budget / np.maximum(given, 1e-12))


@dataclass(frozen=True)
class Passed:
    """`held` (accounts,) of all the trust that seeds hand out, which sums to one, and how much of it the
    `largest` (accounts,) single source of each passed on to it.
    """

    held: Floats
    largest: Floats


def trust_passed(
    seed: Bools, actor: Ints, target: Ints, saturated: Floats, give_back: Floats, model: Trust
) -> Passed:
    """What each account holds, and from whom most.

    Pairs are given by `actor`, `target`, `saturated` (G) and `give_back` (r), each (pairs,); each pair once.
    """
    floor = model.give_back_floor
    weight = saturated * (floor + (1 - floor) * give_back)
    held = pagerank(
        len(seed),
        actor,
        target,
        weight,
        restart=seed.astype(np.float64),
        reserve=model.reserve,
        damping=model.damping,
        tolerance=model.tolerance,
    )
    given = np.maximum(np.bincount(actor, weights=weight, minlength=len(seed)), max(model.reserve, 1e-300))
    largest = np.zeros(len(seed))
    np.maximum.at(largest, target, model.damping * held[actor] * weight / given[actor])
    return Passed(held, largest)


def trust_goal(passed: Passed, trusted: Floats, seed: Bools, ramp: Floats, model: Trust) -> Floats:
    """The trust that each account is on its way to, (accounts,) in [0, 1].

    What is held is measured by its mean over those who are trusted (`trusted` weighs them), so that
    neither a network's size nor accounts that nobody trusts change anybody's. Little of it counts for
    less than its share: splitting it over many accounts loses it. Of the largest source no more than
    `single_source` counts.
    """
    total = trusted.sum()
    mean = float(passed.held @ trusted / total) if total > 0 else 0.0
    if mean > 0:
        alone = np.maximum(passed.largest / mean - model.single_source, 0.0)
        relative = np.maximum(passed.held / mean - alone, 0.0)
    else:
        relative = np.zeros(len(passed.held))
    reached = 1 - np.exp(-((relative / model.scale) ** model.steepness))
    return np.asarray(np.maximum(reached, np.where(seed, model.seed_floor, 0.0)) * ramp)


def settled_trust(passed: Passed, seed: Bools, ramp: Floats, model: Trust) -> Floats:
    """Trust on a history's first day, (accounts,): where the goal and the mean it is measured by agree."""
    trust = np.where(seed, 1.0, 0.0)
    for _ in range(_SETTLING):
        trust = trust_goal(passed, trust, seed, ramp, model)
    return trust


def trust_step(trust: Floats, goal: Floats, model: Trust, days: float) -> Floats:
    """Trust after `days` more days on the way to its goal, (accounts,) in [0, 1]."""
    pace = 1 - (1 - model.step) ** days
    return np.asarray(trust + pace * (goal - trust))


def known_seeds(verified: Bools, customer: Bools, age_days: Floats, order: Ints, model: Trust) -> Bools:
    """Seeds that somebody vouches for: verified accounts of some age and the CRM's customers.

    `order` (accounts,) breaks ties between accounts of the same age; the longest-standing come first
    and at most `seeds_at_most` are taken.
    """
    candidate = (verified & (age_days >= model.seed_min_age_days)) | customer
    return _first(candidate, np.lexsort((order, -age_days)), model.seeds_at_most)


def drawn_seeds(acted: Bools, outside_reactors: Ints, age_days: Floats, order: Ints, model: Trust) -> Bools:
    """Seeds where nobody is known: long-standing accounts whom many outside their circle react to.

    `outside_reactors` (accounts,) counts distinct reactors whom the account does not react to as
    much. Candidates stand at least as long as the median of those who acted.
    """
    if not acted.any():
        return np.zeros(len(acted), dtype=bool)
    candidate = acted & (age_days >= np.median(age_days[acted])) & (outside_reactors > 0)
    most = min(model.seeds_at_most, int(np.ceil(model.drawn_share * acted.sum())))
    return _first(candidate, np.lexsort((order, -age_days, -outside_reactors)), most)


def _first(candidate: Bools, ranking: Ints, most: int) -> Bools:
    chosen = np.zeros(len(candidate), dtype=bool)
    chosen[ranking[candidate[ranking]][:most]] = True
    return chosen
