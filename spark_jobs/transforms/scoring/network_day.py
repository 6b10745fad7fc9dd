"""Steps 1 to 7 for one network and one day: from the day's events to every account's level.

Pure: the state before the day and the day's events in, the state after it and what is published of
it out. No clock, no files, no Spark.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from spark_jobs.scoring_model import ScoringModel
from spark_jobs.transforms.scoring.accounts import NEVER, Accounts
from spark_jobs.transforms.scoring.arrays import Bools, Floats, Ints, ratio, summed
from spark_jobs.transforms.scoring.circles import with_circles
from spark_jobs.transforms.scoring.endorsements import Endorsed, Endorsements, admitted, endorsed
from spark_jobs.transforms.scoring.flow import (
    Intake,
    PostingMeans,
    by_age,
    by_kind,
    posting_divisor,
    posting_means,
    solicitation_divisor,
)
from spark_jobs.transforms.scoring.level import (
    Arriving,
    Means,
    clock_rate,
    clustering_of,
    level_day,
    without_revoked,
)
from spark_jobs.transforms.scoring.own_score import own_score
from spark_jobs.transforms.scoring.pairs import (
    Follows,
    PairDay,
    Pairs,
    Reactions,
    pair_day,
    revoked,
    with_counted,
    with_standing,
    without_faint,
)
from spark_jobs.transforms.scoring.topics import ReactionTopics, Topics, topic_day
from spark_jobs.transforms.scoring.voices import (
    authority_of,
    received,
    seeds_of,
    trust_of_day,
    usual_worth,
)

LONGEST_OUTAGE_DAYS = 90
"""Days for which late rows may still arrive (the contract's limit on age)."""


@dataclass(frozen=True)
class NetworkState:
    """What a network's next day needs of its days before.

    `stopped` are days on which nothing was delivered, and `clock_days` how many did count.
    """

    accounts: Accounts
    pairs: Pairs
    topics: Topics
    stopped: frozenset[int] = frozenset()
    clock_days: float = 0.0
    seeds_drawn_on: int = NEVER
    endorsements: Endorsements = field(default_factory=Endorsements.empty)

    @classmethod
    def empty(cls, recent_days: int) -> NetworkState:
        return cls(Accounts.empty(recent_days), Pairs.empty(), Topics.empty())


@dataclass(frozen=True)
class DayEvents:
    """A network's day, numbered as the state's accounts after the newcomers joined.

    `acted` (accounts,) marks who did anything, `posts` counts own posts; `customer` marks accounts
    of people whom the CRM knows. `late_days_seen` are the ages of all rows, 0 for the day's own.
    `holder` numbers the person behind each account; without it, every account is somebody else's.
    `endorsements` are the day's in the order of giving, `silent` marks accounts of people who left.
    """

    day: int
    reactions: Reactions
    follows: Follows
    acted: Bools
    posts: Floats
    customer: Bools
    late_days_seen: frozenset[int] = frozenset()
    about: ReactionTopics = field(default_factory=ReactionTopics.none)
    holder: Ints | None = None
    endorsements: Endorsements = field(default_factory=Endorsements.empty)
    silent: Bools | None = None


@dataclass(frozen=True)
class AccountDay:
    """What the day says of each account, (accounts,) each; levels are reactions' worth a day.

    `change_*` split the level's change; they add up to level minus level_before exactly.
    """

    level: Floats
    level_before: Floats
    fast_level: Floats
    variance: Floats
    ceiling_points: Floats
    evidence: Floats
    reach: Floats
    posts_a_day: Floats
    network_influence: Floats
    endorsed: Floats
    change_new_attention: Floats
    change_fading: Floats
    change_others_authority: Floats
    change_give_back: Floats


@dataclass(frozen=True)
class NetworkDay:
    state: NetworkState
    published: AccountDay
    reactors: Reactors
    endorsed: Endorsed


@dataclass(frozen=True)
class Reactors:
    """Who gave most to whom: (rows,) each; `share` is of all that the target's reactors give."""

    target: Ints
    actor: Ints
    share: Floats = field(default_factory=lambda: np.zeros(0))


def clock_of(
    state: NetworkState, day: int, late_days_seen: frozenset[int], first: bool
) -> tuple[float, frozenset[int]]:
    """Days that pass with this delivery, and the days still outstanding.

    A day counts when something that happened on it arrives: a network that delivers nothing stops
    the clock for all, and the days it missed count when they come after all.
    """
    covered = {day - late for late in late_days_seen}
    recovered = state.stopped & covered
    own = day in covered or (first and bool(covered))
    stopped = (state.stopped - covered) | (frozenset() if own else frozenset({day}))
    stopped = frozenset(d for d in stopped if day - d <= LONGEST_OUTAGE_DAYS)
    return float(len(recovered) + own), stopped


def network_day(state: NetworkState, events: DayEvents, model: ScoringModel) -> NetworkDay:
    """One day of one network. `state.accounts` already has the day's newcomers and snapshots."""
    accounts, day = state.accounts, events.day
    n = len(accounts)
    first = state.clock_days == 0
    clock, stopped = clock_of(state, day, events.late_days_seen, first)

    acting = accounts.changed(last_active=np.where(events.acted, day, accounts.last_active))
    pairs = pair_day(state.pairs, n, events.reactions, events.follows, clock, model)
    pairs = with_circles(pairs, accounts.trust, model)
    age = (day - accounts.since).clip(0).astype(float)

    seed, drawn_on = seeds_of(acting, pairs, age, events.customer, day, state.seeds_drawn_on, model)
    trust, left = trust_of_day(acting, pairs, seed, age, clock, first, model)
    rank, authority = authority_of(pairs, trust, left, n, model)

    before = _means(accounts)
    level_before = before.slow_level(model.level)
    posting = posting_means(_posting(accounts), events.posts, clock, model)
    divisor = posting_divisor(posting, events.posts, clock, model) * solicitation_divisor(pairs, trust, model)

    reactions = events.reactions
    offered = authority[reactions.actor] * pairs.fresh / divisor[reactions.target]
    intake = Intake(
        reactions,
        offered,
        pairs.give_back[pairs.pair],
        level_before,
        model.intake.base,
        model.intake.alike,
    )
    fraction = intake.fraction(model.intake.level_factor)
    taken = offered * intake.give_back * fraction
    # A new level is proved by attention that owes nothing: what is given back counts twice against it.
    shown = intake.taken(model.intake.rise_factor) * intake.give_back
    silent = np.where(acting.acted, day - acting.last_active, 0)
    rate = clock_rate(silent, model.level)
    aged = rate[reactions.target] * reactions.age
    aging = 0.5 ** (aged / model.level.slow_half_life_days)
    aged_slow = taken * aging
    aged_fast = taken * 0.5 ** (aged / model.level.fast_half_life_days)
    arrived = by_kind(reactions, aged_slow, n)
    arriving = Arriving(
        slow=arrived,
        fast=summed(reactions.target, aged_fast, n),
        by_day=by_age(reactions, shown, n, model.level.rise_memory_days),
    )
    taken_back = revoked(pairs, clock)
    of_accounts = summed(pairs.pairs.target, taken_back, n)
    still, lost = without_revoked(before, of_accounts, rate, clock, model.level)
    moved = level_day(still, arriving, rate, clock, model)
    level = moved.means.slow_level(model.level)

    # The same reactions at yesterday's authority and give-back: what they would have been worth had
    # nobody else changed. The rest of their worth is others' doing.
    old_authority = ratio(accounts.authority[reactions.actor], authority[reactions.actor])
    old_give_back = ratio(pairs.give_back_before[pairs.pair], pairs.give_back[pairs.pair])
    arrived_total = arrived.sum(axis=1)
    old_both = _received(reactions, aged_slow * old_authority * old_give_back, n)
    old_back = _received(reactions, aged_slow * old_give_back, n)

    ceiling = _ceiling(age, model)

    after = acting.changed(
        seed=seed,
        trust=trust,
        authority=authority,
        posts_long=posting.long_sum,
        posts_short=posting.short_sum,
        posts_long_weight=posting.long_weight,
        posts_short_weight=posting.short_weight,
        weight=moved.means.weight,
        weight_sq=moved.means.weight_sq,
        slow=moved.means.slow,
        slow_sq=moved.means.slow_sq,
        fast=moved.means.fast,
        fast_weight=moved.means.fast_weight,
        recent=moved.means.recent,
        own_score=own_score(accounts.own_score, level, ceiling, acting.acted, model),
    )
    mean_rank = float(rank @ trust / trust.sum()) if trust.sum() > 0 else 1 / max(n, 1)
    given = trust[pairs.pairs.actor] * pairs.saturated * pairs.give_back
    holder = np.arange(n) if events.holder is None else events.holder
    silent = np.zeros(n, dtype=bool) if events.silent is None else events.silent
    kept = admitted(state.endorsements, events.endorsements, holder, day, model)
    vouched = endorsed(kept, trust, silent, holder, pairs, day, model)
    published = AccountDay(
        level=level,
        level_before=level_before,
        fast_level=moved.means.fast_level(model.level),
        variance=moved.means.variance(
            model.level,
            model.interval.reaction_worth * usual_worth(pairs, trust, authority),
            clustering_of(moved.means.recent, state.clock_days + clock, model),
        ),
        ceiling_points=ceiling,
        evidence=_evidence(pairs, given, trust, n, model),
        reach=received(pairs, np.where(_recent(pairs, model), trust[pairs.pairs.actor], 0.0), n),
        posts_a_day=posting.long,
        network_influence=rank / max(mean_rank, 1e-300),
        endorsed=vouched.of_account,
        change_new_attention=moved.per_flow * old_both + moved.risen,
        change_fading=moved.faded + lost - level_before,
        change_others_authority=moved.per_flow * (old_back - old_both),
        change_give_back=moved.per_flow * (arrived_total - old_back) - lost,
    )
    topics = topic_day(state.topics, events.about, reactions, taken, pairs, trust, holder, clock, model)
    return NetworkDay(
        state=replace(
            state,
            accounts=after,
            pairs=without_faint(
                with_standing(
                    with_counted(pairs, fraction), pairs, offered * fraction * aging, aged_slow, taken_back
                ),
                model,
            ),
            topics=topics,
            stopped=stopped,
            clock_days=state.clock_days + clock,
            seeds_drawn_on=drawn_on,
            endorsements=kept,
        ),
        published=published,
        reactors=_reactors(pairs, authority, model),
        endorsed=vouched,
    )


def _means(accounts: Accounts) -> Means:
    return Means(
        slow=accounts.slow,
        slow_sq=accounts.slow_sq,
        weight=accounts.weight,
        weight_sq=accounts.weight_sq,
        fast=accounts.fast,
        fast_weight=accounts.fast_weight,
        recent=accounts.recent,
    )


def _posting(accounts: Accounts) -> PostingMeans:
    return PostingMeans(
        accounts.posts_long, accounts.posts_short, accounts.posts_long_weight, accounts.posts_short_weight
    )


def _ceiling(age: Floats, model: ScoringModel) -> Floats:
    """The most points an account of this age may have, (accounts,): step 8."""
    ceiling = model.ceiling
    grown = np.maximum(0.0, age - ceiling.first_days + 1) * ceiling.points_per_day
    return np.minimum(model.score.cap, ceiling.first_points + grown)


def _recent(pairs: PairDay, model: ScoringModel) -> Bools:
    return pairs.pairs.mass >= model.measures.reach_mass


def _evidence(pairs: PairDay, given: Floats, trust: Floats, n: int, model: ScoringModel) -> Floats:
    """Effective number of trusted reactors: Kish's (sum w)^2 / sum w^2, at most their summed trust."""
    total = received(pairs, given, n)
    squares = received(pairs, given**2, n)
    effective = ratio(total**2, squares)
    return np.minimum(effective, received(pairs, trust[pairs.pairs.actor], n))


def _reactors(pairs: PairDay, authority: Floats, model: ScoringModel) -> Reactors:
    given = authority[pairs.pairs.actor] * pairs.saturated * pairs.give_back
    target = pairs.pairs.target
    counts = given > 0
    order = np.lexsort((pairs.pairs.actor, -given, target))
    order = order[counts[order]]
    sorted_target = target[order]
    starts = np.searchsorted(sorted_target, sorted_target, side="left")
    top = np.arange(len(order)) - starts < model.measures.reactors
    chosen = order[top]
    total = np.bincount(target, weights=given)
    return Reactors(target[chosen], pairs.pairs.actor[chosen], given[chosen] / total[target[chosen]])


def _received(reactions: Reactions, amount: Floats, n: int) -> Floats:
    return summed(reactions.target, amount, n)
