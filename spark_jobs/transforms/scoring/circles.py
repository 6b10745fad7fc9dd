"""Step 3, of groups: what is left of the attention of people who trade it with many.

Give-back looks at two people. A hundred who each react to all the others every tenth day are a pair of good
acquaintances in every pair of them, and yet each gains what a hundred readers give. What tells them is how
many partners each of them has: nobody in the community answers, and is answered by, nearly as many.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spark_jobs.scoring_model import ScoringModel
from spark_jobs.transforms.scoring.arrays import Floats, summed
from spark_jobs.transforms.scoring.pairs import PairDay, looked_up


def with_circles(day: PairDay, trust: Floats, model: ScoringModel) -> PairDay:
    """The day with give-back that knows of circles as well; `trust` (accounts,) is yesterday's.

    Yesterday's give-back gets today's circles: how these change is counted with the day's new attention.
    """
    left = after_circles(day, trust, model)
    return replace(day, give_back=day.give_back * left, give_back_before=day.give_back_before * left)


def after_circles(day: PairDay, trust: Floats, model: ScoringModel) -> Floats:
    """What is left of each pair's attention for its actor's other partners, (pairs,) in (0, 1].

    1 / (1 + (M / M0)^steepness), M the actor's partners without the receiver. So what somebody receives,
    from whomever, never takes anything from what they receive. M0 is the larger of two. So many times the
    usual number of partners in the network: where everybody answers everybody, that is no circle; it is the
    same for all, and somebody's new partner moves it as one of thousands. And so many times the trusted
    people who react to the actor and get nothing back, the receiver again left out: who has a large audience
    knows many of it, while a circle has only itself.
    """
    rule = model.circle
    mutual = exchanged(day, model)
    actor, target = day.pairs.actor, day.pairs.target
    partners = summed(target, trust[actor] * mutual, len(trust))
    others = np.maximum(partners[actor] - trust[target] * mutual, 0.0)
    usual = max(rule.at_least, rule.usual_times * usual_partners(partners, trust))
    heard = trust[actor] * -np.expm1(-day.pairs.mass / rule.partner_mass)
    readers = summed(target, heard, len(trust))[actor] - looked_up(heard, day.back)
    allowed = np.maximum(usual, rule.readers_times * np.maximum(readers - others, 0.0))
    return np.asarray(1 / (1 + (others / allowed) ** rule.steepness))


def exchanged(day: PairDay, model: ScoringModel) -> Floats:
    """How much of a partner each pair's two are to each other, (pairs,) in [0, 1): 1 - e^(-m / partner_mass),
    m the lesser of what the one and the other lately gave. The same for a pair and its reverse.
    """
    mass = day.pairs.mass
    lesser = np.minimum(mass, looked_up(mass, day.back))
    return np.asarray(-np.expm1(-lesser / model.circle.partner_mass))


def usual_partners(partners: Floats, trust: Floats) -> float:
    """The number of partners that is usual among trusted people who have any: a geometric mean of 1 + M,
    less 1.

    Weighed by M / (1 + M), so that many who only read do not make a few who talk a circle. Geometric, so
    that a circle does not make itself usual; a mean and no median, so that nobody moves by steps where there
    are few people.
    """
    weight = trust * partners / (1 + partners)
    total = float(weight.sum())
    return float(np.expm1(np.log1p(partners) @ weight / total)) if total > 0 else 0.0
