"""Who is erased, as the lake remembers it: salted hashes, and what follows for accounts and contacts.

`erased_mark` is written before anything is cleaned and says afterwards that it was: so a run that was killed
half-way finds its marks there and cleans again, without needing what it has deleted already.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from functools import cached_property

import pyarrow as pa

from orchestration.privacy.people import Belongings
from spark_jobs.arrow_schemas import arrow_schema
from spark_jobs.erasure import (
    EMAIL,
    ERASE,
    OPT_IN,
    PERSON,
    PERSON_KEY,
    Erased,
    Request,
    erased_periods,
    handle_scope,
    mark,
    plain_handle,
    subject,
)
from spark_jobs.lake import Lake

TABLE = "erased_mark"
_REMEMBERED = 500_000


@dataclass(frozen=True)
class ErasedMark:
    """One row of `erased_mark`."""

    mark: str
    owner: str
    request: str
    kind: str
    scope: str
    requested_at: datetime
    erased_from: date
    cleaned_at: datetime | None = None


def read_marks(lake: Lake) -> list[ErasedMark]:
    """Everybody's marks, as the newest day has them."""
    days = lake.days(TABLE)
    rows = lake.read_arrow(TABLE, days[-1]) if days else None
    return [ErasedMark(**row) for row in rows.to_pylist()] if rows is not None and rows.num_rows else []


def write_marks(lake: Lake, day: date, marks: Iterable[ErasedMark], run_id: str) -> None:
    """Make these the marks, all of them."""
    rows = [asdict(row) for row in sorted(marks, key=lambda m: (m.mark, m.owner))]
    lake.write_arrow(TABLE, day, pa.Table.from_pylist(rows, arrow_schema(TABLE)), run_id)


@dataclass(frozen=True)
class Asked:
    """One delivered request of an account or a contact (`pair`), whose id may be a mark already."""

    mark: str
    pair: tuple[str, str]
    of_contact: bool
    request: str
    requested_at: datetime
    day: date


def read_asked(lake: Lake, salt: str) -> list[Asked]:
    """Every request in the lake, a row for each account and contact that it names."""
    found = []
    for day, manifest in lake.manifests("privacy_requests").items():
        rows = lake.read_arrow("privacy_requests", day) if manifest.rows else None
        for row in rows.to_pylist() if rows is not None else []:
            for scope, identifier in (("network", "account_id"), ("crm", "contact_id")):
                if row[scope] is None or row[identifier] is None:
                    continue
                pair = (row[scope], row[identifier])
                name, asked_at = mark(salt, subject(*pair)), row["requested_at"]
                found.append(Asked(name, pair, scope == "crm", row["request"], asked_at, day))
    return found


def erasures(asked: Iterable[Asked]) -> list[Erased]:
    """When whoever asked is erased, by their marks."""
    return erased_periods(Request(a.mark, a.request, a.requested_at, a.day) for a in asked)


def marks_of_person(salt: str, asker: Asked, since: date, belongings: Belongings) -> list[ErasedMark]:
    """The marks that an erasure leaves of all that belongs to a person.

    Each account and each contact comes back by its own opt-in, and with an account its handle and the people
    and keys that it stood for.
    """
    found: dict[tuple[str, str], ErasedMark] = {}

    def add(of: str, owner: str, kind: str, scope: str) -> None:
        name = mark(salt, of)
        found[name, owner] = ErasedMark(name, owner, asker.mark, kind, scope, asker.requested_at, since)

    for network, account in belongings.accounts:
        owner = mark(salt, subject(network, account))
        add(subject(network, account), owner, "account", network)
        for of, handle in belongings.handles:
            if of == network:
                add(subject(handle_scope(network), plain_handle(handle)), owner, "handle", network)
        for person in belongings.people:
            add(subject(PERSON, person), owner, "person", PERSON)
        for key in belongings.person_keys:
            add(subject(PERSON_KEY, key), owner, "person_key", PERSON_KEY)
        for email in belongings.emails:
            add(subject(EMAIL, email), owner, "email", EMAIL)
    for crm, contact in belongings.contacts:
        owner = mark(salt, subject(crm, contact))
        add(subject(crm, contact), owner, "contact", crm)
        for email in belongings.emails:
            add(subject(EMAIL, email), owner, "email", EMAIL)
    return list(found.values())


class Erasures:
    """Which marks are erased on which days: what cleaning asks of each row."""

    def __init__(self, salt: str, marks: Sequence[ErasedMark], asked: Sequence[Asked]) -> None:
        self.salt = salt
        self.marks = tuple(marks)
        opt_ins: dict[str, list[Asked]] = {}
        for request in asked:
            if request.request == OPT_IN:
                opt_ins.setdefault(request.mark, []).append(request)
        requests = []
        for row in self.marks:
            requests.append(Request(row.mark, ERASE, row.requested_at, row.erased_from))
            back = opt_ins.get(row.owner, ())
            requests += [Request(row.mark, OPT_IN, each.requested_at, each.day) for each in back]
        self._ends: dict[str, date | None] = {}
        for period in erased_periods(requests):
            self._ends[period.subject] = period.end_day
        self._request = {row.mark: row.request for row in self.marks}
        self._since = {row.mark: row.erased_from for row in self.marks}
        self._known: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._ends)

    def only(self, wanted: Iterable[ErasedMark]) -> Erasures:
        """The same for some of the marks alone."""
        some = Erasures(self.salt, (), ())
        kept = tuple(wanted)
        some.marks = kept
        some._ends = {m.mark: self._ends[m.mark] for m in kept if m.mark in self._ends}
        some._request, some._since = self._request, self._since
        return some

    @cached_property
    def scopes(self) -> frozenset[str]:
        """Networks and CRMs that anybody erased belonged to."""
        return frozenset(m.scope for m in self.marks if m.kind in ("account", "handle", "contact"))

    def found(self, of: str, day: date) -> str | None:
        """The mark of a subject whose rows of that day are to go; None for nearly everybody."""
        name = self._known.get(of)
        if name is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            name = self._known[of] = mark(self.salt, of)
        if name not in self._ends:
            return None
        end = self._ends[name]
        return name if end is None or day < end else None

    def request(self, name: str) -> str:
        """The mark of whoever asked for this erasure."""
        return self._request[name]

    def since(self, name: str) -> date:
        """The day from which rows of the mark are not taken in."""
        return self._since[name]

    def end(self, name: str) -> date | None:
        """The day on which the mark's owner came back; None where they did not."""
        return self._ends.get(name)

    def is_erased(self, name: str) -> bool:
        """Whether the mark is erased until further notice."""
        return name in self._ends and self._ends[name] is None


def cleaned(marks: Iterable[ErasedMark], at: datetime) -> list[ErasedMark]:
    """The marks, all cleaned by then."""
    return [row if row.cleaned_at else replace(row, cleaned_at=at) for row in marks]
