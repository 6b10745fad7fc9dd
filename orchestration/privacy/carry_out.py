"""The daily run's privacy step: after conform, before anything is scored or shown.

In this order, so that it may be killed anywhere and begun again: the marks of whoever is newly erased are
written down; what follows for other accounts and contacts is written; everything is cleaned; the marks say
that it was. Then the report.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from orchestration.connectors import watch
from orchestration.home import machine_folder
from orchestration.privacy.cleaning import (
    clean_lake,
    clean_raw,
    clean_refused,
    mark_requests,
    recipients,
    refused_requests,
    suppressed_days,
)
from orchestration.privacy.marks import (
    Asked,
    ErasedMark,
    Erasures,
    cleaned,
    erasures,
    marks_of_person,
    read_asked,
    read_marks,
    write_marks,
)
from orchestration.privacy.people import Pair, People, known_people
from orchestration.privacy.reporting import REBUILT, Records, Report, write_report
from orchestration.publishing import warehouse_path
from orchestration.runs import mark_warehouse
from orchestration.settings import Settings
from spark_jobs.arrow_schemas import arrow_schema
from spark_jobs.erasure import (
    ERASE,
    OPT_IN,
    erasure_salt,
    handle_scope,
    in_force,
    is_mark,
    mark,
    plain_handle,
    subject,
)
from spark_jobs.lake import Lake

EXTENSION = "privacy_extension"
ADULT = 18

Progress = Callable[[str], None]


@dataclass
class CarriedOut:
    """What the step did."""

    erased: int = 0  # requests for erasure that were cleaned
    rows: int = 0
    places: int = 0
    extended: int = 0  # accounts and contacts that something is extended to
    unread: list[str] = field(default_factory=list)
    rebuilt: bool = False
    refused: int = 0  # requests that cannot be read, and so hold for nobody


def carry_out(
    settings: Settings, lake: Lake, days: Collection[date], run_id: str, say: Progress = lambda _: None
) -> CarriedOut:
    """Carry out what the lake's privacy requests come to; `days` are those of the run.

    Requests of days that failed their checks count as well: privacy waits for no publication.
    """
    salt = erasure_salt(lake)
    asked = read_asked(lake, salt)
    marks = read_marks(lake)
    day = max(
        [*lake.days("privacy_requests"), *lake.days("erased_mark"), *lake.days(EXTENSION)], default=None
    )
    contacts = any(manifest.rows for manifest in lake.manifests("crm_contacts").values())
    done = CarriedOut(refused=refused_requests(lake, days))
    if day is None or not (asked or marks or contacts):
        return done
    with known_people(lake, settings.identity_confidence) as people:
        new = _new_marks(salt, asked, marks, people)
        if all(row.cleaned_at for row in marks):
            Records(settings.home).clear()  # a run was killed between its report and its end
        if new:
            marks = _joined(marks, new)
            write_marks(lake, day, marks, run_id)
        done.extended = _extend(lake, day, salt, asked, marks, people, run_id)
    book = Erasures(salt, marks, asked)
    todo = [row for row in marks if row.cleaned_at is None]
    if todo:
        say(f"erasing what is held: {len({row.request for row in todo})} requests")
        report = _erase(settings, lake, book.only(todo), _contacts_of(lake, asked), run_id, say)
        now, records = datetime.now(UTC), Records(settings.home)
        report.deeds = records.deeds()  # of runs that were killed on the way as well
        write_report(lake, day, todo, report, now, run_id)
        write_marks(lake, day, cleaned(marks, now), run_id)
        records.clear()
        done.erased = len({row.request for row in todo})
        done.rows, done.places = report.rows, len(report.places)
        done.unread = [f"{place} ({file})" for place, file in sorted(report.unread)]
        done.rebuilt = True
    if book:
        # Rows that came again were counted and not kept: in the raw files, either.
        again = Report()
        mark_requests(lake, book, days, again)
        touched = suppressed_days(lake, days)
        for source, of_source in clean_refused(lake, book, days, again).items():
            touched.setdefault(source, set()).update(of_source)
        clean_raw(lake, book, again, touched)
        done.rows += again.rows
    return done


# --- whom it concerns -----------------------------------------------------------------------------


def _new_marks(
    salt: str, asked: Collection[Asked], marks: Iterable[ErasedMark], people: People
) -> list[ErasedMark]:
    """Marks of erasures that are not written down yet, the whole person's each."""
    known = {(row.request, row.erased_from) for row in marks}
    requests: dict[str, list[Asked]] = defaultdict(list)
    for each in asked:
        requests[each.mark].append(each)
    found = []
    for period in erasures(asked):
        if (period.subject, period.first_day) in known:
            continue
        of_subject = [a for a in requests[period.subject] if a.day <= period.first_day]
        asker = max((a for a in of_subject if a.request == ERASE), key=lambda a: a.requested_at)
        if not asker.of_contact and is_mark(asker.pair[1]):
            continue  # cleaned by an earlier run: nothing is left by which more could be found
        belongings = (
            people.belongings(contacts=[asker.pair])
            if asker.of_contact
            else people.belongings(accounts=[asker.pair])
        )
        found += marks_of_person(salt, asker, period.first_day, belongings)
    return found


def _joined(marks: Iterable[ErasedMark], new: Iterable[ErasedMark]) -> list[ErasedMark]:
    """All marks, a newer erasure of the same taking the older's place."""
    found = {(row.mark, row.owner): row for row in marks}
    for row in new:
        found[row.mark, row.owner] = row
    return list(found.values())


def _extend(
    lake: Lake,
    day: date,
    salt: str,
    asked: Collection[Asked],
    marks: Iterable[ErasedMark],
    people: People,
    run_id: str,
) -> int:
    """Write what requests mean for other accounts and contacts of the same person; how many rows."""
    rows = [
        *_of_contacts(salt, asked, people),
        *_of_age(people),
        *_erased_contacts(lake, salt, asked, marks, people),
    ]
    if rows or lake.days(EXTENSION):
        unique = {tuple(row.values()): row for row in rows}
        ordered = [unique[key] for key in sorted(unique, key=repr)]
        lake.write_arrow(EXTENSION, day, pa.Table.from_pylist(ordered, arrow_schema(EXTENSION)), run_id)
        return len(ordered)
    return 0


def _of_contacts(salt: str, asked: Iterable[Asked], people: People) -> list[dict[str, Any]]:
    """What contacts asked for, for the accounts of the same person."""
    requests: dict[Pair, list[Asked]] = defaultdict(list)
    for each in asked:
        if each.of_contact:
            requests[each.pair].append(each)
    rows = []
    for (crm, contact), (network, account) in people.accounts_of_contacts(set(requests)):
        of_contact = sorted(requests[crm, contact], key=lambda a: a.day)
        days = sorted({a.day for a in of_contact})
        for start, end in zip(days, [*days[1:], None], strict=True):
            request = in_force((a.requested_at, a.request) for a in of_contact if a.day <= start)
            if request not in (None, OPT_IN, ERASE):
                rows.append(_row(network, account, crm, contact, request, start, end))
    return rows


def _of_age(people: People) -> list[dict[str, Any]]:
    """Who is known to be under 18: the contact's age forbids the score of the person's accounts."""
    born = people.born()
    young = {pair: found for pair, found in born.items() if found[1].year - found[0] <= ADULT}
    return [
        _row(
            network,
            account,
            crm,
            contact,
            "under_18",
            young[crm, contact][1],
            _of_full_age(young[crm, contact][0]),
        )
        for (crm, contact), (network, account) in people.accounts_of_contacts(set(young))
    ]


def _of_full_age(birth_year: int) -> date:
    """From when nobody born in that year is certain to be under 18."""
    return date(birth_year + ADULT + 1, 1, 1)


def _erased_contacts(
    lake: Lake, salt: str, asked: Iterable[Asked], marks: Iterable[ErasedMark], people: People
) -> list[dict[str, Any]]:
    """Contacts that were erased with somebody's account: the CRM's records of them have to be emptied."""
    by_mark = {row.mark: row for row in marks if row.kind == "contact"}
    if not by_mark:
        return []
    book = Erasures(salt, list(by_mark.values()), list(asked))
    days = lake.days(EXTENSION)
    before = lake.read_arrow(EXTENSION, days[-1]) if days else None
    kept = before.to_pylist() if before is not None and before.num_rows else []
    pairs = {(row["crm"], row["contact_id"]) for row in kept if row["request"] == ERASE}
    pairs |= set(people.contacts())
    rows = []
    for crm, contact in sorted(pairs):
        name = mark(salt, subject(crm, contact))
        if name in by_mark and book.is_erased(name):
            rows.append(_row(None, None, crm, contact, ERASE, by_mark[name].erased_from, None))
    return rows


def _row(
    network: str | None,
    account: str | None,
    crm: str,
    contact: str,
    request: str | None,
    start: date,
    end: date | None,
) -> dict[str, Any]:
    return {
        "network": network,
        "account_id": account,
        "crm": crm,
        "contact_id": contact,
        "request": request,
        "valid_from": start,
        "valid_to": end,
    }


def _contacts_of(lake: Lake, asked: Iterable[Asked]) -> set[Pair]:
    """Contacts that asked for something, or that somebody's erasure extends to: they keep their ids."""
    days = lake.days(EXTENSION)
    rows = lake.read_arrow(EXTENSION, days[-1], ["crm", "contact_id"]) if days else None
    pairs = zip(*(rows[name].to_pylist() for name in rows.column_names), strict=True) if rows else ()
    return {each.pair for each in asked if each.of_contact} | {(crm, contact) for crm, contact in pairs}


# --- cleaning -------------------------------------------------------------------------------------


def _erase(
    settings: Settings,
    lake: Lake,
    book: Erasures,
    contacts: Iterable[Pair],
    run_id: str,
    say: Progress,
) -> Report:
    report = Report(Records(settings.home))
    # What is looked up in the lake's tables comes before they are cleaned.
    _forget_deliveries(settings, lake, book, contacts, report, run_id)
    clean_raw(lake, book, report)
    clean_lake(lake, book, report, say)
    _forget_watched(settings, book, report)
    requests = {row.request for row in book.marks}
    _remove_pulls(settings, requests, report)
    _remove_warehouse(settings, requests, report)
    # Whatever becomes of this run, the next one builds and publishes the marts without the erased.
    mark_warehouse(settings, None)
    return report


def _forget_deliveries(
    settings: Settings,
    lake: Lake,
    book: Erasures,
    contacts: Iterable[Pair],
    report: Report,
    run_id: str,
) -> None:
    """What was sent to CRMs about the erased; who must be emptied there stays known."""
    by_request: dict[str, set[Pair]] = defaultdict(set)
    for contact, name in recipients(lake, book).items():
        by_request[book.request(name)].add(contact)
    # A sync that was stopped has told the lake nothing yet; its files know these contacts all the same.
    for contact in contacts:
        if marked := book.found(subject(*contact), date.min):
            by_request[book.request(marked)].add(contact)
    from orchestration.activation.deliveries import forget

    report.places.add("lake/deliveries")
    for request, of_request in by_request.items():

        def note(place: str, version: str, deed: str, rows: int, request: str = request) -> None:
            report.note(place, f"{request} {version}", {(request, deed): rows})

        forget(settings.home, of_request, run_id, note)


def _forget_watched(settings: Settings, book: Erasures, report: Report) -> None:
    """The watch list: nobody who is erased is asked for."""
    report.places.add("watch list")
    by_request: dict[str, set[Pair]] = defaultdict(set)
    orders = watch.orders(settings.home)
    for order in orders:
        of = subject(handle_scope(order.network), plain_handle(order.handle))
        if (name := book.found(of, date.min)) is not None:
            by_request[book.request(name)].add((order.network, order.handle))
    for request, accounts in by_request.items():
        lines = sum((order.network, order.handle) in accounts for order in orders)
        report.note("watch list", f"{request} {len(orders)}", {(request, "removed"): lines})
        watch.forget(settings.home, accounts)


def _remove_pulls(settings: Settings, requests: Iterable[str], report: Report) -> None:
    """Answers of a pull that was stopped: it begins anew, and asks for nobody who is erased."""
    folder = machine_folder(settings) / "pulls"
    files = sorted(folder.rglob("*.jsonl")) if folder.exists() else []
    if folder.exists():
        report.places.add("pulls")
    if files:
        report.note("pulls", "all", {(request, REBUILT): 0 for request in requests})
    for file in files:
        file.unlink()


def _remove_warehouse(settings: Settings, requests: Iterable[str], report: Report) -> None:
    """The file that dbt writes: rows deleted in it can linger there, so it is built anew."""
    path = warehouse_path(settings)
    report.note("warehouse", "all", {(request, REBUILT): 0 for request in requests})
    if not path.is_file():
        return
    for leftover in (path, Path(f"{path}.wal")):
        leftover.unlink(missing_ok=True)
    shutil.rmtree(f"{path}.tmp", ignore_errors=True)
