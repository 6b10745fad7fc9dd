"""What a sync would do: pure functions from the mart, the mapping and what the CRM has confirmed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

from orchestration.activation.mapping import CrmMapping, Value, Values

Action = Literal["send", "empty"]

GIVE_UP_AFTER = 5
"""Refusals of the same data, after which a record rests until its data change."""

PRIVACY_REASONS = frozenset({"opted_out", "erased", "objection", "under_18", "no_legal_basis"})
"""Reasons of the mart for which the CRM must not keep a score."""

# Causes of a send beside the fields that moved.
RETRY, UNCERTAIN, AGAIN = "retry", "outcome unknown", "once more"
ERASED, GONE = "erased", "no longer a contact"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a record from its deliveries.

    `confirmed` are the values that the CRM confirmed last, empty where it never did. `uncertain`: something
    was sent since, and whether it arrived is not known. `refused` and `refusals`: the data it refused since,
    and how often. `theirs`: fields that its people took over. `forgotten`: an erasure removed the values from
    our books, and the CRM still holds them. `unanswered`: what was sent and got no answer, since the last
    confirmation or right before it: such a call may still be carried out later than those after it.
    """

    confirmed: Values = field(default_factory=dict)
    uncertain: bool = False
    refused: Values | None = None
    refusals: int = 0
    theirs: frozenset[str] = frozenset()
    forgotten: bool = False
    unanswered: tuple[Values, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the CRM holds anything of ours, as far as is known."""
        return any(value is not None for value in self.confirmed.values())


NOTHING_KNOWN = Known()
_NOTHING_LEFT: Mapping[str, Values] = {}


@dataclass(frozen=True, slots=True)
class Change:
    """One record to write. `values` has every mapped field; None empties it."""

    contact_id: str
    person_id: str | None
    action: Action
    values: Values
    causes: tuple[str, ...]
    before: Values
    first_time: bool
    privacy: bool
    refusals: int = 0  # of the same data, so far
    repeat: bool = False  # the same data were sent before, refused or without an answer
    unanswered: tuple[Values, ...] = ()  # what of ours the CRM may hold beside `before`


@dataclass(frozen=True, slots=True)
class Guard:
    """Why a plan is not carried out as it is. `asks`: a person may say yes to it."""

    name: Literal["changed", "emptied", "stale", "empty", "older"]
    asks: bool
    message: str


@dataclass(frozen=True)
class Limits:
    """What a plan may do to the records known to the CRM, as shares, and how old the mart may be.

    So `few` records are no alarm, whatever share of a small CRM they are. From a hundred records on the
    shares alone decide: five are 5 %.
    """

    most_changed: float = 0.30
    most_emptied: float = 0.05
    stale_days: int | None = 3
    few: int = 5


@dataclass(frozen=True)
class Counts:
    """Records by what the plan does with them. `known`: those of which the CRM holds something of ours."""

    contacts: int = 0
    known: int = 0
    first_time: int = 0
    changed: int = 0
    emptied: int = 0
    privacy: int = 0
    retried: int = 0
    unchanged: int = 0
    nothing: int = 0  # never sent, and nothing to say
    given_up: int = 0


@dataclass(frozen=True)
class Plan:
    """A sync before it happens: its records in the order of sending, and what stands against it.

    `age` of the newest published day `as_of`, in days.
    """

    crm: str
    as_of: date | None
    age: int
    changes: tuple[Change, ...]
    counts: Counts
    guards: tuple[Guard, ...]
    digest: str

    def allowed(self, yes: bool) -> tuple[Change, ...]:
        """What may be sent: privacy always, the rest where no guard stands against it."""
        if self.stopped_by(yes):
            return tuple(change for change in self.changes if change.privacy)
        return self.changes

    def stopped_by(self, yes: bool) -> tuple[Guard, ...]:
        """Guards that stop this plan, given that somebody said yes or did not."""
        return tuple(guard for guard in self.guards if not (yes and guard.asks))


def make_plan(
    crm: str,
    rows: Iterable[Mapping[str, Any]],
    mapping: CrmMapping,
    known: Mapping[str, Known],
    as_of: date | None,
    today: date,
    limits: Limits,
    delivered: date | None = None,
    deleted: Collection[str] = (),
    wake: bool = False,
    unfinished: Mapping[str, Values] = _NOTHING_LEFT,
) -> Plan:
    """Compare each row of the mart with what the CRM confirmed.

    `as_of` is the newest published day, `delivered` the newest whose values were sent before. Of `deleted`
    contacts there are no records left to write. `wake`: records that were given up are tried again.
    `unfinished`: what the run before was let write and did not come to, by contact.
    """
    known = {contact_id: record for contact_id, record in known.items() if contact_id not in deleted}
    if wake:
        known = {one: replace(record, refused=None, refusals=0) for one, record in known.items()}
    changes: list[Change] = []
    counts: dict[str, int] = dict.fromkeys(Counts.__dataclass_fields__, 0)
    seen: set[str] = set()
    for row in rows:
        contact_id = str(row["contact_id"])
        seen.add(contact_id)
        change = _judge(row, mapping, known.get(contact_id, NOTHING_KNOWN))
        if isinstance(change, Change):
            changes.append(change)
        else:
            counts[change] += 1
    counts["contacts"] = len(seen)
    for contact_id, record in known.items():
        if contact_id not in seen and (gone := _gone(contact_id, mapping, record)):
            changes.append(gone)
    counts["known"] = sum(record.holds for record in known.values())
    for change in changes:
        counts["retried"] += RETRY in change.causes or UNCERTAIN in change.causes
        counts[_kind(change)] += 1
    changes = [_left_over(change, mapping, known, unfinished) for change in changes]
    changes.sort(key=lambda change: (not change.privacy, change.action != "empty", change.contact_id))
    found = Counts(**counts)
    return Plan(
        crm,
        as_of,
        (today - as_of).days if as_of else 0,
        tuple(changes),
        found,
        tuple(_guards(found, changes, as_of, today, limits, delivered, unfinished)),
        _digest(crm, as_of, changes),
    )


def _judge(row: Mapping[str, Any], mapping: CrmMapping, known: Known) -> Change | str:
    """The record's change, or the name of the count that it adds to where it has none."""
    refused = known.refused is not None
    touched = known.holds or known.uncertain or known.forgotten or refused or _overtaken(mapping, known)
    reason = row.get("unscored_reason")
    withheld = reason in PRIVACY_REASONS or (known.forgotten and reason is not None)
    if withheld and not touched:
        return "nothing"  # a record that holds nothing of ours is not written for being refused
    now = mapping.values(row)
    if withheld:
        now = _emptied(mapping, known, row, whole=reason == "erased" or known.forgotten)
    moved = mapping.moved(known.confirmed, now, known.theirs)
    # What travels causes nothing on other days; here not one field may stay.
    left = [name for name, value in known.confirmed.items() if value is not None and now.get(name) is None]
    unsure = known.uncertain or _overtaken(mapping, known)
    unsure |= (withheld or not moved) and _half_refused(mapping, known, now)
    privacy = withheld and (bool(left) or unsure or known.forgotten)
    causes = list(moved or (left if privacy else ()))
    if unsure:
        causes.append(UNCERTAIN if known.uncertain else AGAIN)
    if known.forgotten:
        causes.append(ERASED)
    if not causes:
        return "unchanged" if known.holds else "nothing"
    refusals = 0
    if known.refused is not None and not mapping.moved(known.refused, now, known.theirs):
        # An emptying for privacy is never given up: it must happen, however often the CRM says no.
        refusals = known.refusals
        if refusals >= GIVE_UP_AFTER and not privacy:
            return "given_up"
        causes.append(RETRY)
    # What was written while it was mapped, and is mapped no more, would stay as it is for ever.
    dropped = {n: None for n, v in known.confirmed.items() if v is not None and n not in now}
    return Change(
        contact_id=str(row["contact_id"]),
        person_id=row.get("person_id"),
        action="empty" if privacy or _is_emptying(mapping, known, now) else "send",
        values={**now, **dropped},
        causes=tuple(causes),
        before=known.confirmed,
        first_time=not known.holds and not known.forgotten and not privacy,
        privacy=privacy,
        refusals=refusals,
        repeat=_repeats(mapping, known, now),
        unanswered=known.unanswered,
    )


def _half_refused(mapping: CrmMapping, known: Known, now: Values) -> bool:
    """Whether data that were refused may be there all the same, and are to go.

    Of a call that was repeated, the first try may have written what the second was refused.
    """
    return known.refused is not None and bool(mapping.moved(known.refused, now, known.theirs))


def _overtaken(mapping: CrmMapping, known: Known) -> bool:
    """Whether a call believed lost may have brought another value after the confirmed one."""
    return any(mapping.moved(late, known.confirmed, known.theirs) for late in known.unanswered)


def _repeats(mapping: CrmMapping, known: Known, now: Values) -> bool:
    """Whether the CRM was sent the same data last, and has not confirmed them for good."""
    tried = [*known.unanswered[-1:], *([known.refused] if known.refused is not None else [])]
    same = any(not mapping.moved(values, now, known.theirs) for values in tried)
    return same or not mapping.moved(known.confirmed, now, known.theirs)


def _left_over(
    change: Change, mapping: CrmMapping, known: Mapping[str, Known], unfinished: Mapping[str, Values]
) -> Change:
    """The change, a repeat where the run before was let write the same and did not come to it."""
    left = unfinished.get(change.contact_id)
    theirs = known.get(change.contact_id, NOTHING_KNOWN).theirs
    if left is None or mapping.moved(left, change.values, theirs):
        return change
    return replace(change, repeat=True)


def _emptied(
    mapping: CrmMapping, known: Known, row: Mapping[str, Any] | None, *, whole: bool
) -> dict[str, Value]:
    """The record without the score: the mapped fields, and those that we wrote when they were mapped.

    What the CRM itself told us stays, and so does the reason: nobody is served worse for having opted out.
    Where the record is emptied `whole`, for an erasure, these go too.
    """
    values: dict[str, Value] = dict.fromkeys(known.confirmed)
    for late in known.unanswered:
        values |= dict.fromkeys(late)
    for mapped in mapping.fields:
        stays = row is not None and not whole and not mapped.of_the_score
        values[mapped.field] = mapped.value(row) if stays and row is not None else None
    return values


def _is_emptying(mapping: CrmMapping, known: Known, now: Values) -> bool:
    """Whether the score goes and nothing takes its place."""
    names = [mapped.field for mapped in mapping.fields if mapped.of_the_score]
    held = any(known.confirmed.get(name) is not None for name in names)
    return held and all(now.get(name) is None for name in names)


def _gone(contact_id: str, mapping: CrmMapping, known: Known) -> Change | None:
    """A record that was sent and has no row any more: the contact was erased, or the CRM has lost it."""
    values = _emptied(mapping, known, None, whole=True)
    unsure = known.uncertain or _overtaken(mapping, known) or _half_refused(mapping, known, values)
    if not (known.holds or known.forgotten or unsure):
        return None
    retried = known.refused is not None and not mapping.moved(known.refused, values)
    refusals = known.refusals if retried else 0
    if refusals >= GIVE_UP_AFTER and not known.forgotten:
        return None
    return Change(
        contact_id=contact_id,
        person_id=None,
        action="empty",
        values=values,
        causes=(
            ERASED if known.forgotten else GONE if known.holds or known.uncertain else AGAIN,
            *([RETRY] if retried else []),
            *([UNCERTAIN] if known.uncertain else []),
        ),
        before=known.confirmed,
        first_time=False,
        privacy=known.forgotten,
        refusals=refusals,
        repeat=_repeats(mapping, known, values),
        unanswered=known.unanswered,
    )


def _kind(change: Change) -> str:
    if change.privacy:
        return "privacy"
    if change.first_time:
        return "first_time"
    return "emptied" if change.action == "empty" else "changed"


def _guards(
    counts: Counts,
    changes: Sequence[Change],
    as_of: date | None,
    today: date,
    limits: Limits,
    delivered: date | None,
    unfinished: Collection[str],
) -> Iterable[Guard]:
    """What stands against the plan.

    Privacy and first-time records count for nothing here, nor does what was let pass before and is repeated.
    Shares are of the records that the CRM would know, had the run before come to its end.
    """
    new = [change for change in changes if not (change.privacy or change.first_time or change.repeat)]
    emptied = sum(change.action == "empty" for change in new)
    if not counts.contacts or as_of is None:
        yield Guard("empty", False, "the mart has no contacts of this CRM, so nothing is sent")
    elif limits.stale_days is not None and (today - as_of).days > limits.stale_days:
        age = (today - as_of).days
        yield Guard(
            "stale",
            False,
            f"the newest published day is {as_of}, {age} days ago (at most {limits.stale_days}), "
            "so nothing is sent; run the days that are missing",
        )
    if as_of is not None and delivered is not None and as_of < delivered:
        yield Guard(
            "older",
            False,
            f"the CRM has values of {delivered}, the mart those of {as_of}; nothing newer is overwritten",
        )
    left = sum(change.first_time and change.contact_id in unfinished for change in changes)
    due, whose = counts.known + left, "the CRM knows" + (" or was being sent" if left else "")
    for name, changed, most in (
        ("changed", len(new), limits.most_changed),
        ("emptied", emptied, limits.most_emptied),
    ):
        if due and changed > max(most * due, limits.few):
            share = changed / due
            verb = "change" if name == "changed" else "empty"
            yield Guard(
                "changed" if name == "changed" else "emptied",
                True,
                f"it would {verb} {changed:,} of the {due:,} records that {whose} "
                f"({share:.0%}, at most {most:.0%} without asking)",
            )


def _digest(crm: str, as_of: date | None, changes: Iterable[Change]) -> str:
    """What tells one plan from another: the records it writes, and their values."""
    digest = hashlib.sha256(f"{crm}\n{as_of}\n".encode())
    for change in changes:
        line = [change.contact_id, change.action, dict(sorted(change.values.items()))]
        digest.update(json.dumps(line, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()
