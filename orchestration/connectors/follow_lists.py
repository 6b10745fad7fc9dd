"""Lists of follows, which have no dates: a follow counts from the day on which a list first names it.

It ends on the day on which a complete list names it no more. A list is complete where the service says with
its last page that it ends, nothing in it was refused, and it names as many as the service promised, where it
did. Whom it named before stands in the raw answers of the days before: there, an erasure has already been,
and no other record is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from orchestration.connectors.answers import Answer, Reading, Refused, Row
from orchestration.connectors.contract_rows import activity, undated
from orchestration.connectors.network import NetworkModule
from orchestration.connectors.paging import LAST_PAGE
from orchestration.connectors.pulling import BODY_FAULTS

PROMISED = "promised"
"""In `about`: how many the list should name, by the account's own counter."""

LOOK_BACK = 7
"""Days with answers that are looked through for what a list named before."""

Pair = tuple[str, str]
Whose = tuple[str, str]
"""Which list, and of which account."""


@dataclass
class FollowList:
    """One list as a day's answers give it: the pairs (who, whom) that it names."""

    pairs: set[Pair] = field(default_factory=set)
    ends: bool = False
    damaged: bool = False
    promised: int | None = None
    last: Answer | None = None

    @property
    def is_complete(self) -> bool:
        """Whether who is not in it does not follow. An empty one must be promised: some hide it."""
        enough = bool(self.pairs) if self.promised is None else len(self.pairs) >= self.promised
        return self.ends and not self.damaged and enough


def follow(network: str, answer: Answer, reading: Reading, actor: str, target: str) -> Row:
    """A follow that a list names. Its id has the day, so that who follows again after an end is seen to."""
    made = f"follow:{actor}:{target}:{reading.day}"
    at = undated(reading, answer, None)
    return activity(network, "follow", made, actor=actor, at=at, target=target)


def lists_of(module: NetworkModule, answers: Iterable[Answer], reading: Reading) -> dict[Whose, FollowList]:
    """The lists of follows among a day's answers."""
    found: dict[Whose, FollowList] = {}
    for answer in answers:
        whose = answer.about.get("account_id")
        if answer.endpoint not in module.NETWORK.follow_lists or not answer.ok or whose is None:
            continue
        one = found.setdefault((answer.endpoint, whose), FollowList())
        one.last, one.ends = answer, LAST_PAGE in answer.about
        promised = answer.about.get(PROMISED, "")
        one.promised = int(promised) if promised.isdecimal() else None
        try:
            for row in module.rows(answer, reading):
                if isinstance(row, Refused):
                    one.damaged = True
                elif row.table == "activities" and row.values["kind"] == "follow":
                    one.pairs.add((row.values["actor_account_id"], row.values["target_account_id"]))
        except BODY_FAULTS:
            one.damaged = True
    return found


def unfollows(
    network: str,
    today: Mapping[Whose, FollowList],
    before: Iterable[Mapping[Whose, FollowList]],
    reading: Reading,
) -> Iterator[Row]:
    """The ends of follows that a complete list of today names no more.

    `before`: the lists of earlier days, newest first. Those that were not complete count together with those
    before them, back to the last complete one.
    """
    open_lists = {whose: one for whose, one in today.items() if one.is_complete}
    listed = set().union(*(one.pairs for one in today.values()))
    gone: dict[Pair, Answer] = {}
    for lists in before if open_lists else ():
        for whose in open_lists.keys() & lists.keys():
            last = open_lists[whose].last
            if last is not None:
                gone.update(dict.fromkeys(lists[whose].pairs - listed, last))
            if lists[whose].is_complete:
                del open_lists[whose]
        if not open_lists:
            break
    for (actor, target), answer in sorted(gone.items(), key=lambda item: item[0]):
        made = f"unfollow:{actor}:{target}:{reading.day}"
        at = undated(reading, answer, None)
        yield activity(network, "unfollow", made, actor=actor, at=at, target=target)
