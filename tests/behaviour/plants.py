"""Attacks and changes of fortune, planted into a community.

Each plant adds to what people do, or takes away from it, and names the people to look at. The community
without its plants is the control: the same people, the same days, the same chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from tests.behaviour.community import (
    Community,
    Endorsements,
    Links,
    People,
    reactions_to,
)
from tests.behaviour.events import FOLLOW, LIKE, POST, REPLY, REPOST, Bools, Events, Ints, kinds, repeated

BEGIN = 45
"""Day on which plants begin: scores have settled, and two and a half months remain to look on."""

OLD_FAKE = -730


@dataclass
class Planting:
    """A community being changed. `subjects` names accounts by plant."""

    community: Community
    random: np.random.Generator
    people: People
    added: list[Events] = field(default_factory=list)
    removed: list[Bools] = field(default_factory=list)
    subjects: dict[str, Ints] = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)
    links: Links = field(default_factory=Links)
    endorsements: Endorsements = field(default_factory=Endorsements)

    @classmethod
    def of(cls, community: Community) -> Planting:
        random = np.random.default_rng((community.world.seed, community.world.history, 7))
        return cls(community, random, community.people)

    @property
    def after(self) -> range:
        return range(BEGIN, self.community.world.days)

    def choose(self, name: str, many: int, low: float = 0.3, high: float = 0.9) -> Ints:
        """So many people whom no other plant took, between two quantiles of influence."""
        n = self.community.world.people
        rank = np.argsort(np.argsort(self.people.influence[:n])) / n
        free = np.setdiff1d(np.flatnonzero((rank >= low) & (rank < high)), sorted(self.taken))
        chosen = np.sort(self.random.choice(free, size=many, replace=False))
        self.taken.update(chosen.tolist())
        self.subjects[name] = chosen
        return chosen

    def newcomers(self, name: str, many: int, created: int) -> Ints:
        """So many accounts that the community did not have."""
        first = len(self.people)
        self.people = self.people.with_more(many, created)
        accounts = np.arange(first, first + many)
        if name:
            self.subjects[name] = accounts
        return accounts

    def drawn(self, who: Ints, factor: float, days: range) -> Events:
        """Further reactions of the community to some, at `factor` times their usual rate."""
        rate = np.zeros(self.community.world.people)
        rate[who] = factor * self.people.influence[who]
        readers = self.community.readers
        return reactions_to(self.community.world, readers, self.people, rate, self.random, days)

    def strangers(self, target: Ints) -> Ints:
        """Anybody of the community, one for each of `target`."""
        return self.community.readers.anybody(self.random, len(target))

    def done(self) -> Community:
        events = self.community.events
        gone = np.logical_or.reduce(self.removed) if self.removed else np.zeros(len(events), dtype=bool)
        whole = Events.joined([events.where(~gone), *self.added])
        return replace(
            self.community,
            people=self.people,
            events=whole,
            links=self.links,
            endorsements=self.endorsements,
        )


def lasting_rise(planting: Planting, many: int = 40) -> None:
    """An eightfold rise in reactions that stays."""
    who = planting.choose("lasting rise", many)
    planting.added.append(planting.drawn(who, 7.0, planting.after))


def silence(planting: Planting, many: int = 40) -> None:
    """Seven days without a word, to other plants either; what was said before draws a fifth of the usual
    reactions. It takes reactions from others: whoever must lose none belongs in another world.
    """
    who = planting.choose("silence", many)

    def said(events: Events) -> Bools:
        return (events.day >= BEGIN) & (events.day < BEGIN + 7) & np.isin(events.actor, who)

    events = planting.community.events
    week = (events.day >= BEGIN) & (events.day < BEGIN + 7)
    unheard = planting.random.random(len(events)) < 0.8
    planting.removed.append(said(events))
    planting.removed.append(week & np.isin(events.target, who) & events.reacting & unheard)
    planting.added = [added.where(~said(added)) for added in planting.added]


def fade_out(planting: Planting, many: int = 40) -> None:
    """Nobody reacts to them any more, though they go on."""
    who = planting.choose("fade out", many, 0.5, 0.98)
    events = planting.community.events
    planting.removed.append((events.day >= BEGIN) & np.isin(events.target, who) & events.reacting)


def conference(planting: Planting, many: int = 40) -> None:
    """A week of six times the posts and six times the reactions."""
    who = planting.choose("conference", many)
    week = range(BEGIN, BEGIN + 7)
    planting.added.append(planting.drawn(who, 5.0, week))
    day, row = repeated(planting.random, 5 * planting.people.posting[who], week)
    planting.added.append(Events.of(day, POST, who[row], -1))


def viral(planting: Planting, many: int = 40) -> None:
    """One post with fifty times a usual day's reactions, most of them on its first day."""
    who = planting.choose("viral post", many)
    for day, share in ((BEGIN, 0.7), (BEGIN + 1, 0.2), (BEGIN + 2, 0.1)):
        count = planting.random.poisson(50 * share * np.maximum(planting.people.influence[who], 0.3))
        target = np.repeat(who, count)
        planting.added.append(
            Events.of(
                np.full(len(target), day),
                kinds(planting.random, len(target)),
                planting.strangers(target),
                target,
            )
        )


def newcomer(planting: Planting, many: int = 30) -> None:
    """New accounts that post twenty times a day and draw thirty reactions a day from the community."""
    who = planting.newcomers("newcomer", many, BEGIN)
    day, row = repeated(planting.random, np.full(many, 20.0), planting.after)
    planting.added.append(Events.of(day, POST, who[row], -1))
    day, row = repeated(planting.random, np.full(many, 30.0), planting.after)
    target = who[row]
    planting.added.append(
        Events.of(day, kinds(planting.random, len(day)), planting.strangers(target), target)
    )


def minute_bot(planting: Planting) -> None:
    """A post a minute, to which nobody reacts."""
    who = planting.newcomers("minute bot", 1, OLD_FAKE)
    days = np.repeat(np.arange(planting.community.world.days), 1440)
    planting.added.append(Events.of(days, POST, np.full(len(days), who[0]), -1))


def social_bots(planting: Planting, many: int = 120) -> None:
    """Bots that follow a hundred people each, post and like, and win a few human reactions and follows."""
    half = many // 2
    who = np.concatenate(
        (planting.newcomers("", half, OLD_FAKE), planting.newcomers("", many - half, BEGIN - 30))
    )
    planting.subjects["social bots"] = who
    random, days = planting.random, range(BEGIN - 25, planting.community.world.days)
    actor = np.repeat(who, 100)
    target = planting.strangers(actor)
    day = random.integers(BEGIN - 25, BEGIN + 10, size=len(actor))
    planting.added.append(Events.of(day, FOLLOW, actor, target))
    back = random.random(len(actor)) < 0.2
    planting.added.append(Events.of(day[back] + 1, FOLLOW, target[back], actor[back]))
    day, row = repeated(random, np.full(many, 4.0), days)
    planting.added.append(Events.of(day, POST, who[row], -1))
    day, row = repeated(random, np.full(many, 8.0), days)
    planting.added.append(Events.of(day, LIKE, who[row], planting.strangers(who[row])))
    day, row = repeated(random, np.full(many, 0.15), days)
    planting.added.append(Events.of(day, kinds(random, len(day)), planting.strangers(who[row]), who[row]))


def farm(planting: Planting, size: int, old: bool, name: str = "") -> None:
    """Fakes who react to one client daily and to each other; old ones have done the latter all along."""
    name = name or f"farm of {size}, {'old' if old else 'new'}"
    client = planting.choose(name, 1, 0.4, 0.6)
    begin = 0 if old else BEGIN
    fakes = planting.newcomers(f"{name}, fakes", size, OLD_FAKE if old else BEGIN)
    random = planting.random
    day = np.repeat(np.array(planting.after), size)
    actor = np.tile(fakes, len(planting.after))
    planting.added.append(Events.of(day, kinds(random, len(day)), actor, client[0]))
    lifetime = range(begin, planting.community.world.days)
    day, row = repeated(random, np.full(size, 3.0), lifetime)
    actor, target = fakes[row], random.choice(fakes, size=len(row))
    planting.added.append(Events.of(day, kinds(random, len(day)), actor, target).where(actor != target))
    follower = np.repeat(fakes, 10)
    followed = random.choice(fakes, size=len(follower))
    followed[::10] = client[0]
    begun = np.where(followed == client[0], BEGIN, begin)
    planting.added.append(Events.of(begun, FOLLOW, follower, followed).where(follower != followed))
    day, row = repeated(random, np.full(size, 0.5), lifetime)
    planting.added.append(Events.of(day, POST, fakes[row], -1))


def leaking_farm(planting: Planting, size: int = 300, paid: int = 5) -> None:
    """An old farm some of whose fakes are liked by paid people, one fake each a day."""
    name = f"farm of {size} with {paid} paid people"
    farm(planting, size, True, name)
    people = planting.choose("", paid, 0.3, 0.9)
    fakes = planting.subjects[f"{name}, fakes"]
    day = np.repeat(np.arange(planting.community.world.days), paid)
    actor = np.tile(people, planting.community.world.days)
    planting.added.append(Events.of(day, LIKE, actor, planting.random.choice(fakes, size=len(day))))


def pod(planting: Planting, size: int) -> None:
    """People who react to each other's posts daily, a third of all at a time where they are many."""
    _react_to_each_other(planting, f"pod of {size}", size, 1.0 if size < 50 else 1 / 3)


def slow_pod(planting: Planting, size: int, every: int) -> None:
    """People who take care to react to each other seldom, every so many days on average."""
    _react_to_each_other(planting, f"pod of {size}, every {every} days", size, 1 / every)


def _react_to_each_other(planting: Planting, name: str, size: int, share: float) -> None:
    who = planting.choose(name, size, 0.2, 0.8)
    a, b = np.nonzero(~np.eye(size, dtype=bool))
    days = np.array(planting.after)
    shown = planting.random.random((len(days), len(a))) < share
    day, pair = np.nonzero(shown)
    planting.added.append(Events.of(days[day], kinds(planting.random, len(day)), who[a[pair]], who[b[pair]]))


def trading_pairs(planting: Planting, pairs: int = 10) -> None:
    """Two people who write each other fifty replies a day."""
    who = planting.choose("trading pair", 2 * pairs, 0.2, 0.8)
    other = who.reshape(pairs, 2)[:, ::-1].ravel()
    days = len(planting.after)
    planting.added.append(
        Events.of(
            np.repeat(np.array(planting.after), 50 * len(who)),
            REPLY,
            np.tile(np.repeat(who, 50), days),
            np.tile(np.repeat(other, 50), days),
        )
    )


def endorsing_ring(planting: Planting, size: int = 10) -> None:
    """People who endorse each other daily."""
    who = planting.choose("endorsing ring", size, 0.3, 0.7)
    a, b = np.nonzero(~np.eye(size, dtype=bool))
    days = np.array(planting.after)
    planting.endorsements = Endorsements(
        np.repeat(days, len(a)), np.tile(who[a], len(days)), np.tile(who[b], len(days))
    )


def second_account(planting: Planting, many: int = 20) -> None:
    """Another account of theirs is linked, which only ever posted once."""
    who = planting.choose("second account", many, 0.3, 0.9)
    empty = planting.newcomers("", many, OLD_FAKE)
    planting.added.append(Events.of(np.full(many, BEGIN), POST, empty, -1))
    planting.links = Links(
        np.full(2 * many, BEGIN), np.concatenate((who, empty)), np.tile(np.arange(many), 2)
    )


def idle_fakes(planting: Planting, many: int = 2000) -> None:
    """Accounts that join, follow a few people and each other, and fall silent."""
    who = planting.newcomers("idle fakes", many, BEGIN)
    random = planting.random
    planting.added.append(Events.of(np.full(many, BEGIN), POST, who, -1))
    actor = np.repeat(who, 5)
    target = np.where(
        random.random(len(actor)) < 0.5, random.choice(who, size=len(actor)), planting.strangers(actor)
    )
    planting.added.append(Events.of(np.full(len(actor), BEGIN), FOLLOW, actor, target).where(actor != target))


def more_from_people(planting: Planting, many: int = 40) -> None:
    """One reaction a day more, from people of the community."""
    who = planting.choose("more from people", many, 0.05, 0.95)
    target = np.tile(who, len(planting.after))
    day = np.repeat(np.array(planting.after), many)
    actor = planting.strangers(target)
    planting.added.append(Events.of(day, LIKE, actor, target).where(actor != target))


def more_from_fakes(planting: Planting, many: int = 20) -> None:
    """Thirty reposts a day more, from accounts whom nobody trusts."""
    who = planting.choose("more from fakes", many, 0.05, 0.95)
    fakes = planting.newcomers("", 300, BEGIN - 40)
    day = np.repeat(np.array(planting.after), 30 * many)
    target = np.tile(np.repeat(who, 30), len(planting.after))
    planting.added.append(Events.of(day, REPOST, planting.random.choice(fakes, size=len(day)), target))


Plant = Callable[[Planting], None]


def fortunes() -> tuple[Plant, ...]:
    """What happens to honest people."""
    return (lasting_rise, fade_out, conference, viral, newcomer)


def farms(sizes: tuple[int, ...] = (20, 100, 1000)) -> tuple[Plant, ...]:
    """Fakes behind a client."""
    return (
        *(lambda p, size=size, old=old: farm(p, size, old) for size in sizes for old in (False, True)),
        leaking_farm,
    )


def bots() -> tuple[Plant, ...]:
    """Machines among people, and people who are away: neither minds the other."""
    return (minute_bot, social_bots, silence)


def circles(
    pods: tuple[int, ...] = (5, 20, 100), slow: tuple[tuple[int, int], ...] = ((20, 3), (100, 10))
) -> tuple[Plant, ...]:
    """What honest people do for each other at the cost of attention to others. `slow` are pods by size and
    days between two reactions."""
    return (
        *(lambda p, size=size: pod(p, size) for size in pods),
        trading_pairs,
        *(lambda p, size=size, every=every: slow_pod(p, size, every) for size, every in slow),
    )


def trifles() -> tuple[Plant, ...]:
    """What must hardly show, and so needs a world in which nothing else happens and nobody loses anything."""
    return (endorsing_ring, second_account, more_from_people, more_from_fakes)


def planted(community: Community, plants: tuple[Plant, ...]) -> tuple[Community, dict[str, Ints]]:
    """The community with all of `plants`, and the accounts to look at by plant."""
    planting = Planting.of(community)
    for plant in plants:
        plant(planting)
    return planting.done(), planting.subjects
