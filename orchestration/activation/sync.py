"""A sync of one CRM from the settings alone: what `stature crm` and Dagster call."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

from orchestration.activation.address import is_another, remember
from orchestration.activation.apply import PAST, Report, apply_plan, settle
from orchestration.activation.contacts import Contacts, ContactsError, read_contacts
from orchestration.activation.deliveries import Deliveries, SyncRun
from orchestration.activation.destination import Destination, DestinationError, UnansweredError
from orchestration.activation.mapping import CrmMapping, load_mapping
from orchestration.activation.opening import Wait, open_destination
from orchestration.activation.plan import Limits, Plan, make_plan
from orchestration.activation.same_record import one_each
from orchestration.publishing import PublishingError, publish_syncs
from orchestration.settings import Settings


class SyncError(Exception):
    """A sync that could not begin, or did not do all it had planned; the message says what and how many."""


@dataclass(frozen=True)
class Planned:
    """A plan, and the mapping that it follows."""

    plan: Plan
    mapping: CrmMapping


Read = Callable[[Settings, str], Contacts]


def plan_crm(
    settings: Settings,
    crm: str,
    today: date | None = None,
    read: Read = read_contacts,
    *,
    wake: bool = False,
) -> Planned:
    """What a sync would do now, `wake`: with what was given up. Reads only. SyncError or MappingError."""
    mapping = load_mapping(crm, settings.crm_mappings)
    try:
        contacts = read(settings, mapping.contacts or crm)
    except ContactsError as error:
        raise SyncError(str(error)) from error
    deliveries = Deliveries(settings.home, crm)
    known = deliveries.known(mapping.record_of)
    records = one_each(contacts.rows, mapping, known)
    plan = make_plan(
        crm,
        records.rows,
        mapping,
        records.named(known),
        contacts.as_of,
        today or datetime.now(UTC).date(),
        limits(settings, mapping),
        deliveries.through(),
        records.among(_without_records(crm, mapping, contacts)),
        wake,
        records.named(deliveries.unfinished.values()),
    )
    return Planned(plan, mapping)


def _without_records(crm: str, mapping: CrmMapping, contacts: Contacts) -> frozenset[str]:
    """Contacts whose records are gone: the CRM deleted them itself. Elsewhere theirs are still there."""
    is_own = (mapping.contacts or crm) in (crm, mapping.kind)
    return contacts.deleted if is_own else frozenset()


def sync_crm(
    settings: Settings,
    crm: str,
    run_id: str,
    *,
    yes: bool = False,
    digest: str | None = None,
    progress: Callable[[str], None] = lambda text: None,
    wait: Wait = time.sleep,
    today: date | None = None,
    last_day: date | None = None,
    wake: bool = False,
    same: bool = False,
    read: Read = read_contacts,
) -> Report:
    """Plan and apply. The home's lock is the caller's to hold.

    `digest`: of a plan that somebody has looked at; where the plan has become another one since, nothing is
    sent. `last_day`: of the run that this sync belongs to. Where that day itself is too old to be sent, the
    run fills a gap of the past: a stale mart is what it makes, and no failure. `wake`: what was given up is
    tried again. `same`: the CRM is the one it was, at another address. SyncError where the sync could
    not begin; the report says how it ended. Either way the published warehouse shows it afterwards.
    """
    mapping = load_mapping(crm, settings.crm_mappings)
    deliveries = Deliveries(settings.home, crm)
    if not same and is_another(settings, crm, mapping):
        raise SyncError(
            f"{crm} is at another address than when it was sent to first, and what was confirmed there says "
            "nothing of here. Nothing was sent. If it is the same CRM: stature crm apply --same-crm. "
            "If it is another, give it a name and a mapping of its own, and it is sent everything."
        )
    run_id = deliveries.own_id(run_id)
    today, begun = today or datetime.now(UTC).date(), datetime.now(UTC)
    try:
        with _opened(settings, crm, mapping, run_id, wait) as destination:
            remember(settings, crm, mapping)
            settle(deliveries, destination)
            plan = plan_crm(settings, crm, today, read, wake=wake).plan
            if digest is not None and digest != plan.digest:
                raise SyncError(
                    f"{crm}: the plan is an old one: scores, mapping or deliveries have changed since. "
                    "Nothing was sent. Plan again, look at it, and apply that."
                )
            return apply_plan(
                plan,
                mapping,
                destination,
                deliveries,
                run_id,
                yes=yes,
                expected=PAST if _fills_a_gap(limits(settings, mapping), today, last_day) else frozenset(),
                read_back=settings.crm_read_back,
                progress=progress,
            )
    except (DestinationError, UnansweredError) as error:
        deliveries.record(SyncRun(crm, run_id, None, begun, "failed", str(error)))
        raise SyncError(f"{crm}: {error}") from error
    finally:
        _show(settings, crm)


@contextmanager
def _opened(
    settings: Settings, crm: str, mapping: CrmMapping, run_id: str, wait: Wait
) -> Iterator[Destination]:
    destination = open_destination(settings, crm, mapping, run_id, wait)
    try:
        yield destination
    finally:
        destination.close()


def _fills_a_gap(limits: Limits, today: date, last_day: date | None) -> bool:
    """Whether a run up to `last_day` could not bring scores that are new enough, whatever goes well."""
    if last_day is None or limits.stale_days is None:
        return False
    return (today - last_day).days > limits.stale_days


def _show(settings: Settings, crm: str) -> None:
    """Show what happened in the published warehouse."""
    try:
        publish_syncs(settings)
    except PublishingError as error:
        raise SyncError(f"{crm}: {error}") from error


def limits(settings: Settings, mapping: CrmMapping) -> Limits:
    """What the mapping says, else what the settings say."""
    guards = mapping.guards
    stale = settings.crm_stale_days if guards.stale_days is None else guards.stale_days
    return Limits(
        settings.crm_most_changed if guards.most_changed is None else guards.most_changed,
        settings.crm_most_emptied if guards.most_emptied is None else guards.most_emptied,
        None if guards.never_stale else stale,
        settings.crm_few if guards.few is None else guards.few,
    )
