"""Steps 4 and 5: who vouches, who is trusted, and what a voice is worth."""

from __future__ import annotations

import numpy as np

from spark_jobs.graph.pagerank import pagerank
from spark_jobs.graph.trust import (
    attention_left,
    drawn_seeds,
    known_seeds,
    passed_part,
    seed_groups,
    settled_trust,
    tenure_ramp,
    trust_goal,
    trust_passed,
    trust_step,
)
from spark_jobs.scoring_model import ScoringModel
from spark_jobs.transforms.scoring.accounts import Accounts
from spark_jobs.transforms.scoring.arrays import Bools, Floats, summed
from spark_jobs.transforms.scoring.pairs import PairDay


def seeds_of(
    accounts: Accounts,
    pairs: PairDay,
    age: Floats,
    customer: Bools,
    day: int,
    drawn_on: int,
    model: ScoringModel,
) -> tuple[Bools, int]:
    """Seeds of a day, (accounts,), and the day on which seeds were last drawn.

    `age` (accounts,) is in days; `customer` (accounts,) marks the CRM's known customers.
    """
    # Ties fall to who is a seed already, then to who is listened to more: no name decides, unless two
    # accounts are alike in all of this; between those any choice is as good, and ids keep it the same.
    heard = np.round(received(pairs, pairs.saturated * pairs.give_back, len(accounts)), 9)
    order = np.argsort(np.lexsort((-heard, ~accounts.seed)))
    known = known_seeds(accounts.verified, customer, age, order, model.trust)
    if known.any():
        return known, drawn_on
    # Drawn seeds stay for the month, unless there were too few people to draw from: then each week
    # tries again until there are enough.
    wanted = min(model.trust.seeds_at_most, int(np.ceil(model.trust.drawn_share * accounts.acted.sum())))
    month_begins = np.datetime64(day, "D").astype("datetime64[M]").astype("datetime64[D]")
    due = drawn_on < int(month_begins.astype(np.int64))
    short = int(accounts.seed.sum()) < wanted and day - drawn_on >= 7
    if not (due or short):
        return accounts.seed, drawn_on
    outside = (pairs.pairs.mass >= model.pair.drop_below) & (pairs.give_back > 0.5)
    reactors = np.bincount(pairs.pairs.target[outside], minlength=len(accounts))
    drawn = drawn_seeds(accounts.acted, reactors, age, order, model.trust)
    return (drawn, day) if drawn.any() else (accounts.seed, drawn_on)


def trust_of_day(
    accounts: Accounts,
    pairs: PairDay,
    seed: Bools,
    age: Floats,
    clock: float,
    first: bool,
    model: ScoringModel,
) -> tuple[Floats, Floats]:
    """Trust of each account after the day, and what is left of its attention: step 4, (accounts,) each."""
    ramp = tenure_ramp(age, model.trust)
    ends = pairs.pairs.actor, pairs.pairs.target
    left = attention_left(pairs.pairs.actor, pairs.saturated, len(accounts), model.trust)
    groups = seed_groups(seed, accounts.since, model.trust)
    part = passed_part(accounts.trust, seed)
    passed = trust_passed(groups, part, *ends, pairs.follow_saturated, pairs.give_back, model.trust)
    if first:
        goal = settled_trust(passed, seed, ramp, model.trust)
    else:
        goal = trust_goal(passed, accounts.trust, seed, ramp, model.trust)
    return trust_step(accounts.trust, goal, model.trust, clock), left


def usual_worth(pairs: PairDay, trust: Floats, authority: Floats) -> float:
    """What the authority behind a reaction usually is: its mean over the attention that the trusted give."""
    actor = pairs.pairs.actor
    given = trust[actor] * pairs.saturated
    total = float(given.sum())
    return float(given @ authority[actor]) / total if total > 0 else 1.0


def authority_of(
    pairs: PairDay, trust: Floats, left: Floats, n: int, model: ScoringModel
) -> tuple[Floats, Floats]:
    """PageRank of each account, and what a reaction of it is worth: step 5, (accounts,) each."""
    influence = model.influence
    rank = pagerank(
        n,
        pairs.pairs.actor,
        pairs.pairs.target,
        pairs.saturated * pairs.give_back,
        restart=trust,
        damping=influence.damping,
        tolerance=influence.tolerance,
        max_iterations=influence.max_iterations,
    )
    total = trust.sum()
    mean = float(rank @ trust / total) if total > 0 else 0.0
    relative = rank / mean if mean > 0 else np.ones(n)
    boost = np.clip(np.maximum(relative, 1e-12) ** influence.exponent, influence.at_least, influence.at_most)
    return rank, np.asarray(trust * left * boost)


def received(pairs: PairDay, amount: Floats, accounts: int) -> Floats:
    """Sum of `amount` (pairs,) by receiver, (accounts,)."""
    return summed(pairs.pairs.target, amount, accounts)
