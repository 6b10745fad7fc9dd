"""Trust: who counts at all, spread a step a day from seeds.

The idea is TrustRank's (Gyongyi, Garcia-Molina and Pedersen, 2004): trust flows from few known-good
accounts along attention, so that accounts which only hear each other stay near zero, however many
and however old they are. Here it takes one step a day, which keeps a day's cost at one pass over the
pairs and lets nobody gain trust overnight.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spark_jobs.scoring_model import Trust

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


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


def trust_step(
    trust: Floats,
    seed: Bools,
    ramp: Floats,
    actor: Ints,
    target: Ints,
    saturated: Floats,
    give_back: Floats,
    left: Floats,
    model: Trust,
    days: float,
) -> Floats:
    """Trust after `days` more days, (accounts,) in [0, 1].

    Pairs are given by `actor`, `target`, `saturated` (G) and `give_back` (r), each (pairs,).
    """
    floor = model.give_back_floor
    given = trust[actor] * left[actor] * saturated * (floor + (1 - floor) * give_back)
    received = np.bincount(target, weights=given, minlength=len(trust))
    goal = np.maximum(1 - np.exp(-received / model.scale), np.where(seed, model.seed_floor, 0.0)) * ramp
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
