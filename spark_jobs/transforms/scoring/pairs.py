"""Steps 1 to 3: what each account lately gave each other, fresh attention, give-back.

Pairs are parallel arrays sorted by (actor, target). Accounts are numbered in the order of their ids,
so that every sum runs in the same order however the input was partitioned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spark_jobs.scoring_model import ScoringModel
from spark_jobs.transforms.scoring.arrays import Bools, Floats, Ints, summed


@dataclass(frozen=True)
class Pairs:
    """Directed pairs of one network, each array (pairs,), sorted by actor, then target.

    `mass` is all that the one lately gave the other. `counted` is the fresh attention in it that the
    receiver's intake had room for, between 0 and the model's `saturation`: what counted is used up, and
    comes back as it fades. So whoever reacts more often never counts less, which a mass without end in
    its place would make of a daily reader.

    `taken` is what the receiver's level lately took of it before give-back, and `standing` what of that
    still stands after it; both fade as the level does.
    """

    actor: Ints
    target: Ints
    mass: Floats
    counted: Floats
    follow_mass: Floats
    taken: Floats
    standing: Floats

    @classmethod
    def empty(cls) -> Pairs:
        none = np.zeros(0, dtype=np.int64)
        return cls(none, none, *(np.zeros(0) for _ in range(5)))

    def renumbered(self, numbers: Ints) -> Pairs:
        """The same pairs after accounts were renumbered; `numbers` keeps their order."""
        return replace(self, actor=numbers[self.actor], target=numbers[self.target])


@dataclass(frozen=True)
class Reactions:
    """A day's reactions of one network, added up by pair, kind and age, each array (groups,).

    `kind` indexes KINDS, `age` is days between the event and its arrival.
    """

    actor: Ints
    target: Ints
    kind: Ints
    age: Ints
    count: Ints

    @classmethod
    def grouped(cls, actor: Ints, target: Ints, kind: Ints, age: Ints) -> Reactions:
        """Group single reactions. Counting whole events keeps the sums exact in any order."""
        if len(actor) == 0:
            none = np.zeros(0, dtype=np.int64)
            return cls(none, none, none, none, none)
        order = np.lexsort((age, kind, target, actor))
        a, t, k, g = actor[order], target[order], kind[order], age[order]
        starts = np.flatnonzero(
            np.concatenate(([True], (np.diff(a) | np.diff(t) | np.diff(k) | np.diff(g)) != 0))
        )
        count = np.diff(np.append(starts, len(a)))
        return cls(a[starts], t[starts], k[starts], g[starts], count)


@dataclass(frozen=True)
class Follows:
    """A day's follows and unfollows, the last of each pair; `age` in days, `begins` False ends one."""

    actor: Ints
    target: Ints
    age: Ints
    begins: Bools


@dataclass(frozen=True)
class PairDay:
    """Pairs after a day, and what each reaction group of the day brought.

    `pair` (groups,) is the pair of each group, `arriving` (groups,) its mass and `fresh` (groups,) its
    fresh attention g; the pairs' `counted` is still without the day. `saturated`
    G, `follow_saturated` (G with follows), `give_back` r and `give_back_before` (r before the day's
    events) are (pairs,), as is `back`: the place of each pair's reverse, -1 where there is none.
    """

    pairs: Pairs
    pair: Ints
    arriving: Floats
    fresh: Floats
    saturated: Floats
    follow_saturated: Floats
    give_back: Floats
    give_back_before: Floats
    back: Ints


def pair_day(
    pairs: Pairs, accounts: int, reactions: Reactions, follows: Follows, clock: float, model: ScoringModel
) -> PairDay:
    """Let `clock` days pass over the pairs, then add the day's reactions and follows."""
    saturation = model.pair.saturation
    fading = 0.5 ** (clock / model.pair.half_life_days)
    follow_faded = pairs.follow_mass * 0.5 ** (clock / model.follow.half_life_days)

    old_key = pairs.actor * accounts + pairs.target
    group_key = reactions.actor * accounts + reactions.target
    follow_key = follows.actor * accounts + follows.target
    key = np.union1d(old_key, np.concatenate((group_key, follow_key)))
    before, counted, follow_mass, taken, standing = (np.zeros(len(key)) for _ in range(5))
    at_old = np.searchsorted(key, old_key)
    before[at_old] = pairs.mass * fading
    counted[at_old] = pairs.counted * fading
    follow_mass[at_old] = follow_faded
    level_fading = 0.5 ** (clock / model.level.slow_half_life_days)
    taken[at_old] = pairs.taken * level_fading
    standing[at_old] = pairs.standing * level_fading

    weights = np.array(model.kinds.in_order())
    # A late row counts at its true age: as if it had arrived in time and faded since.
    arriving = weights[reactions.kind] * reactions.count * 0.5 ** (reactions.age / model.pair.half_life_days)
    pair = np.searchsorted(key, group_key)
    added = summed(pair, arriving, len(key))
    mass = before + added
    fresh_of_pair = np.maximum(saturation - counted, 0.0) * -np.expm1(-added / saturation)
    share = np.divide(arriving, added[pair], out=np.zeros(len(pair)), where=added[pair] > 0)

    at_follow = np.searchsorted(key, follow_key)
    begun = model.follow.mass * 0.5 ** (follows.age / model.follow.half_life_days)
    follow_mass[at_follow] = np.where(follows.begins, begun, 0.0)

    actor, target = key // max(accounts, 1), key % max(accounts, 1)
    back = _reverse(key, actor, target, accounts)
    return PairDay(
        pairs=Pairs(actor, target, mass, counted, follow_mass, taken, standing),
        pair=pair,
        arriving=arriving,
        fresh=fresh_of_pair[pair] * share,
        saturated=1 - np.exp(-mass / saturation),
        follow_saturated=1 - np.exp(-(mass + follow_mass) / saturation),
        give_back=after_give_back(looked_up(mass, back), model),
        give_back_before=after_give_back(looked_up(before, back), model),
        back=back,
    )


def after_give_back(mass_back: Floats, model: ScoringModel) -> Floats:
    """r: what is left of attention whose receiver lately gave so much back, in [0, 1], of the same shape."""
    return np.asarray(np.exp(-((model.give_back.rate * mass_back) ** model.give_back.shape)))


def revoked(day: PairDay, clock: float) -> Floats:
    """What of each pair's standing attention is taken back, (pairs,), in units of flow; nothing while the
    clock stands still.

    Whether attention was a trade shows only when the other gives back: what a pair brought while nobody
    could know stands for no more than it is worth by what is known today. It is not restored when the
    pair's give-back fades.
    """
    if clock == 0:
        return np.zeros(len(day.pairs.standing))
    return np.asarray(np.maximum(day.pairs.standing - day.pairs.taken * day.give_back, 0.0))


def with_counted(day: PairDay, fraction: Floats) -> Pairs:
    """The pairs after a day of which `fraction` (groups,) of each reaction group counted."""
    new = summed(day.pair, day.fresh * fraction, len(day.pairs.mass))
    return replace(day.pairs, counted=day.pairs.counted + new)


def with_standing(pairs: Pairs, day: PairDay, taken: Floats, standing: Floats, taken_back: Floats) -> Pairs:
    """The pairs after a day of whose reaction groups the level took `taken` before give-back and
    `standing` after it, (groups,) each; what is taken back, `taken_back` (pairs,), no longer stands.
    """
    many = len(pairs.mass)
    return replace(
        pairs,
        taken=pairs.taken + summed(day.pair, taken, many),
        standing=pairs.standing - taken_back + summed(day.pair, standing, many),
    )


def without_faint(pairs: Pairs, model: ScoringModel) -> Pairs:
    """Pairs that still count; the rest restart at zero when they next meet."""
    kept = (pairs.mass >= model.pair.drop_below) | (pairs.follow_mass >= model.pair.drop_below)
    mass = np.where(pairs.mass >= model.pair.drop_below, pairs.mass, 0.0)
    follow_mass = np.where(pairs.follow_mass >= model.pair.drop_below, pairs.follow_mass, 0.0)
    counted = np.where(mass > 0, pairs.counted, 0.0)
    return Pairs(
        pairs.actor[kept],
        pairs.target[kept],
        mass[kept],
        counted[kept],
        follow_mass[kept],
        np.where(mass > 0, pairs.taken, 0.0)[kept],
        np.where(mass > 0, pairs.standing, 0.0)[kept],
    )


def _reverse(key: Ints, actor: Ints, target: Ints, accounts: int) -> Ints:
    """Index of each pair's reverse pair, -1 where there is none."""
    wanted = target * accounts + actor
    at = np.searchsorted(key, wanted)
    found = np.minimum(at, max(len(key) - 1, 0))
    return np.where(key[found] == wanted, found, -1) if len(key) else at


def looked_up(values: Floats, index: Ints) -> Floats:
    """`values` at the places of `index`, 0 where that is -1."""
    return np.where(index >= 0, values[index], 0.0) if len(values) else np.zeros(0)
