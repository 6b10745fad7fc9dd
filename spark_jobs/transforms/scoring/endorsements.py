"""Endorsements: which of them count, and what they are worth. Pure arrays.

What is kept from day to day is the endorsements that count and nothing that was added up from them. So a
late one has its true age, one of somebody who left is gone at once, and all are weighed by today's trust.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, fields

import numpy as np

from spark_jobs.scoring_model import ScoringModel
from spark_jobs.transforms.scoring.arrays import Bools, Floats, Ints, found_at, summed
from spark_jobs.transforms.scoring.pairs import PairDay, after_give_back


@dataclass(frozen=True)
class Endorsements:
    """Endorsements of one network, (rows,) each: account numbers, topic and day (number) of giving."""

    giver: Ints
    receiver: Ints
    topic: Ints
    given_on: Ints

    def __len__(self) -> int:
        return len(self.giver)

    @classmethod
    def empty(cls) -> Endorsements:
        none = np.zeros(0, dtype=np.int64)
        return cls(none, none, none, none)

    def renumbered(self, numbers: Ints) -> Endorsements:
        return Endorsements(numbers[self.giver], numbers[self.receiver], self.topic, self.given_on)

    def only(self, rows: Ints | Bools) -> Endorsements:
        return Endorsements(*(getattr(self, column.name)[rows] for column in fields(self)))

    def and_also(self, others: Endorsements) -> Endorsements:
        """Both, in an order that does not depend on how they came together."""
        both = Endorsements(
            *(np.concatenate((getattr(self, c.name), getattr(others, c.name))) for c in fields(self))
        )
        return both.only(np.lexsort((both.given_on, both.topic, both.receiver, both.giver)))


@dataclass(frozen=True)
class Endorsed:
    """What endorsements are worth on a day: effective numbers, by row of `kept` and by account."""

    kept: Endorsements
    worth: Floats
    of_account: Floats


def admitted(
    kept: Endorsements, new: Endorsements, holder: Ints, day: int, model: ScoringModel
) -> Endorsements:
    """Those that count after a day: what is not forgotten of `kept`, and what counts of `new`."""
    counted = new.only(counting(kept, new, holder, day, model))
    return remembered(kept, day, model).and_also(counted)


def remembered(kept: Endorsements, day: int, model: ScoringModel) -> Endorsements:
    """What has not faded wholly by that day."""
    return kept.only(day - kept.given_on < model.endorsement.forgotten_after_days)


def counting(kept: Endorsements, new: Endorsements, holder: Ints, day: int, model: ScoringModel) -> Ints:
    """Rows of `new` that count, in order: of those given, in the order in which they were given, what is left
    of a giver's endorsements of that day, and one a giver, receiver and topic a week, by the people behind
    the accounts (`holder`, (accounts,)).
    """
    rule = model.endorsement
    fresh = day - new.given_on < rule.forgotten_after_days
    of_others = np.flatnonzero(fresh & (holder[new.giver] != holder[new.receiver]))
    if len(of_others) == 0:
        return of_others
    kept, new = remembered(kept, day, model), new.only(of_others)
    # Whoever gives nothing today needs no look at what they gave before.
    before = kept.only(np.isin(holder[kept.giver], holder[new.giver]))
    of_day: Counter[tuple[int, int]] = Counter()
    times: defaultdict[tuple[int, int, int], list[int]] = defaultdict(list)
    for giver, receiver, topic, on in _people(before, holder):
        of_day[giver, on] += 1
        times[giver, receiver, topic].append(on)
    counted = []
    for row, (giver, receiver, topic, on) in zip(of_others.tolist(), _people(new, holder), strict=True):
        near = any(abs(on - other) < rule.days_between for other in times[giver, receiver, topic])
        if not near and of_day[giver, on] < rule.per_day:
            of_day[giver, on] += 1
            times[giver, receiver, topic].append(on)
            counted.append(row)
    return np.array(counted, dtype=np.int64)


def _people(given: Endorsements, holder: Ints) -> list[tuple[int, int, int, int]]:
    columns = (holder[given.giver], holder[given.receiver], given.topic, given.given_on)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def endorsed(
    kept: Endorsements,
    trust: Floats,
    silent: Bools,
    holder: Ints,
    pairs: PairDay,
    day: int,
    model: ScoringModel,
) -> Endorsed:
    """Each endorsement by its giver's trust today, faded by its age, and less where the receiver gives
    attention or endorsements back. `silent` (accounts,) marks givers who left.
    """
    rule = model.endorsement
    accounts, people = len(trust), int(holder.max(initial=0)) + 1
    # The curve is moved to end at exactly 0 where an endorsement is forgotten: no cliff there.
    end = 0.5 ** (rule.forgotten_after_days / rule.half_life_days)
    fresh = (0.5 ** ((day - kept.given_on) / rule.half_life_days) - end) / (1 - end)
    giver, receiver = holder[kept.giver], holder[kept.receiver]

    back_key, place = np.unique(giver * people + receiver, return_inverse=True)
    given_back = found_at(back_key, summed(place, fresh, len(back_key)), receiver * people + giver)
    pair_key = pairs.pairs.actor * accounts + pairs.pairs.target
    attention_back = found_at(pair_key, pairs.pairs.mass, kept.receiver * accounts + kept.giver)
    discount = after_give_back(attention_back, model) / (1 + rule.give_back * given_back)

    counts = ~silent[kept.giver] & (giver != receiver)
    worth = np.where(counts, trust[kept.giver] * fresh * discount, 0.0)
    return Endorsed(kept, worth, summed(kept.receiver, worth, accounts))


def endorsement_points(worth: Floats, attention_points: Floats, model: ScoringModel) -> Floats:
    """Points of the score for endorsements worth so much: 0.5 at most, and close to it only for many.

    They come on top of attention and never in its place: `attention_points` (the score without them, less
    the one everybody has) at 0 give exactly 0.
    """
    rule = model.endorsement
    return np.asarray(rule.most_points * -np.expm1(-worth / rule.scale) * -np.expm1(-attention_points))
