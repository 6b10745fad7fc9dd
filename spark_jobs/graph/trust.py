"""Trust: who counts at all, passed on from seeds and never multiplied.

The idea is TrustRank's (Gyongyi, Garcia-Molina and Pedersen, 2004): trust starts at few known-good
accounts and is passed on along attention. What an account passes on is shared out among those it
attends to, so all the trust of a group, however large and however old, is at most what came in from
outside: a thousand fakes whom five people like share what five people's likes are worth. Only then is
it turned into a number from 0 to 1, and that number never makes what is passed on more: a rule that
multiplies on the way makes every fake of the thousand fully trusted (tried; +12 points for their client).
It may make it less: who is not trusted passes nothing on, so that fakes cannot spread among themselves
what a few of them were given.

Nobody is trusted on one account's word alone: the largest single source counts only up to a bound. Nor
on one seed's: seeds are parted into groups, each group's trust is passed on and judged by itself, and an
account's trust is the groups' mean. So it matters little which accounts the seeds are, and one bought
friend does not open a door.
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

_LEAST_PART = 1e-9
"""Who passes on less than this of what they hold passes on nothing that shows."""


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
    """The trust that seeds hand out, by their groups; of each group it sums to one.

    `held` (accounts, groups) is what each account has of it, a seed its own included; `received` what
    others passed on to it, `largest` how much of that its largest single source did. `share` (groups,) is
    the part of all seeds that is in each group.
    """

    held: Floats
    received: Floats
    largest: Floats
    share: Floats


def seed_groups(seed: Bools, since: Ints, model: Trust) -> Floats:
    """Seeds by group, (accounts, groups): 1 where a seed belongs to a group, else 0.

    `since` (accounts,) is the day from which an account's age counts, and groups are by that day: so
    neither a name nor who else is a seed decides. Groups without a seed are left out; one at least is there.
    """
    group = np.where(seed, since % model.seed_groups, -1)
    present = np.unique(group[seed]) if seed.any() else np.zeros(1, dtype=np.int64)
    return np.asarray(group[:, None] == present, dtype=np.float64)


def passed_part(trust: Floats, seed: Bools) -> Floats:
    """Part of what it holds that each account may pass on, (accounts,) in [0, 1]: by its trust beside what
    the trusted usually have. A seed passes on all: that is what it is there for.
    """
    total = float(trust.sum())
    if total <= 0:
        return np.ones(len(trust))
    usual = float(trust @ trust) / total
    return np.where(seed, 1.0, np.minimum(1.0, trust / usual))


def trust_passed(
    groups: Floats,
    part: Floats,
    actor: Ints,
    target: Ints,
    saturated: Floats,
    give_back: Floats,
    model: Trust,
) -> Passed:
    """What each account holds, what it was passed, and from whom most.

    `groups` (accounts, groups) are the seeds, `part` (accounts,) how much of what it holds each account
    may pass on. Pairs are given by `actor`, `target`, `saturated` (G) and `give_back` (r), each (pairs,);
    each pair once.
    """
    accounts = len(groups)
    floor = model.give_back_floor
    weight = saturated * (floor + (1 - floor) * give_back)
    given = np.maximum(np.bincount(actor, weights=weight, minlength=accounts), model.reserve)
    reserve = given / np.maximum(part, _LEAST_PART)
    held = pagerank(
        accounts,
        actor,
        target,
        weight,
        restart=groups,
        reserve=reserve,
        damping=model.damping,
        tolerance=model.tolerance,
    )
    by_target = np.argsort(target, kind="stable")
    of_held = model.damping * weight / np.maximum(reserve[actor], 1e-300)
    received, largest = np.zeros(held.shape), np.zeros(held.shape)
    if len(target):
        begins = np.flatnonzero(np.diff(target[by_target], prepend=-1))
        who = target[by_target][begins]
        for group in range(held.shape[1]):
            of_pair = (of_held * held[actor, group])[by_target]
            received[who, group] = np.add.reduceat(of_pair, begins)
            largest[who, group] = np.maximum.reduceat(of_pair, begins)
    seeds = groups.sum(axis=0)
    total = float(seeds.sum())
    return Passed(held, received, largest, seeds / total if total > 0 else np.ones(len(seeds)))


def trust_goal(passed: Passed, trusted: Floats, seed: Bools, ramp: Floats, model: Trust) -> Floats:
    """The trust that each account is on its way to, (accounts,) in [0, 1].

    What was received is measured by what those who are trusted (`trusted` weighs them) hold on average, so
    that neither a network's size nor accounts that nobody trusts change anybody's. Little of it counts for
    less than its share: splitting it over many accounts loses it. Of the largest source no more than
    `single_source` counts. Each group of seeds judges by itself; the goal is their mean, by seeds.
    """
    total = trusted.sum()
    mean = trusted @ passed.held / total if total > 0 else np.zeros(len(passed.share))
    unit = np.where(mean > 0, mean, np.inf)
    alone = np.maximum(passed.largest / unit - model.single_source, 0.0)
    relative = np.maximum(passed.received / unit - alone, 0.0)
    reached = (1 - np.exp(-((relative / model.scale) ** model.steepness))) @ passed.share
    # Shares are rounded: their sum may pass 1 by a hair.
    return np.asarray(np.clip(reached, np.where(seed, model.seed_floor, 0.0), 1.0) * ramp)


def settled_trust(passed: Passed, seed: Bools, ramp: Floats, model: Trust) -> Floats:
    """Trust's goal on a history's first day, (accounts,): where it and the mean it is measured by agree."""
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
