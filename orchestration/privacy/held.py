"""All that is held on a person, place by place, and why: what they may ask to see.

Other people's ids are left out of it. That somebody reacted to the person is about the person; who it was is
about somebody else as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.connectors import watch
from orchestration.privacy.asking import Subject
from orchestration.privacy.marks import Erasures, read_asked, read_marks
from orchestration.privacy.people import Belongings, known_people
from orchestration.privacy.raw_files import ANSWERS, Task, clean
from orchestration.privacy.subjects import Named, columns_of, named_in, whose
from orchestration.runs import published_copy
from orchestration.settings import Settings
from spark_jobs.contracts import contract, contracts
from spark_jobs.erasure import (
    EMAIL,
    PERSON,
    PERSON_KEY,
    erasure_salt,
    handle_scope,
    in_force,
    mark,
    plain_handle,
)
from spark_jobs.erasure import subject as as_subject
from spark_jobs.jobs.conform_files import AREAS, REFUSED, raw_sources
from spark_jobs.lake import Lake

SOMEBODY_ELSE = "(somebody else)"
_RAW_WHY = "What a source delivered, unchanged, so that every number can be made again from it."
_ANSWERS_WHY = "What a network's web service answered, so that it can be read again by a better mapping."
_WATCHED_WHY = "Accounts that somebody asked to be pulled from their network."
_MARTS_SCHEMAS = ("core", "bi", "crm")

Progress = Callable[[str], None]


class Sought(Erasures):
    """The rows of one person, sought as if they were to be erased."""

    def __init__(self, wanted: Iterable[str], scopes: Iterable[str]) -> None:
        super().__init__("", (), ())
        self._wanted = frozenset(wanted)
        self.__dict__["scopes"] = frozenset(scopes)

    def found(self, of: str, day: date) -> str | None:
        return of if of in self._wanted else None

    def request(self, name: str) -> str:
        return name

    def since(self, name: str) -> date:
        return date.min


@dataclass(frozen=True)
class Held:
    """What one place holds: `rows` with their columns, `why` it is there, what each column means."""

    place: str
    why: str
    columns: Mapping[str, str]
    rows: list[dict[str, Any]]


@dataclass
class Account:
    """An account or contact of the person, and what it asked for."""

    name: str
    in_force: str | None
    erased_from: date | None = None


@dataclass
class PersonReport:
    """All that is held on a person on a day."""

    asked_for: str
    made_at: datetime
    accounts: list[Account]
    contacts: list[Account]
    handles: list[str]
    people: list[str]
    held: list[Held] = field(default_factory=list)
    not_searched: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(len(held.rows) for held in self.held)


def report_on(settings: Settings, lake: Lake, who: Subject, say: Progress = lambda _: None) -> PersonReport:
    """All that the home holds on the person of this account or contact."""
    pair = (who.network, who.account_id) if who.network else (who.crm, who.contact_id)
    pairs = [(str(pair[0]), str(pair[1]))]
    with known_people(lake, settings.identity_confidence) as people:
        found = people.belongings(accounts=pairs) if who.network else people.belongings(contacts=pairs)
    sought = _sought(found)
    report = PersonReport(
        str(who),
        datetime.now(UTC),
        *_accounts(lake, found),
        handles=sorted(f"@{handle}@{network}" for network, handle in found.handles),
        people=sorted(found.people),
    )
    for area in (lake, lake.pending):
        for name, dataset in contracts().items():
            if dataset.layer != "mart" and (named := named_in(dataset.columns)):
                say(f"{area.area}/{name}")
                _add(report, f"{area.area}/{name}", name, _lake_rows(area, name, named, sought))
    for place, why, rows in _raw(lake, sought, report, say):
        report.held.append(Held(place, why, {}, rows))
    if orders := _watched(settings, sought):
        report.held.append(Held("watch list", _WATCHED_WHY, {}, orders))
    for name, rows in _published(settings, found, sought):
        _add(report, f"published/{name}", name, rows)
    return report


def _sought(found: Belongings) -> Sought:
    wanted = {as_subject(*pair) for pair in found.accounts | found.contacts}
    wanted |= {as_subject(handle_scope(network), plain_handle(h)) for network, h in found.handles}
    wanted |= {as_subject(PERSON, person) for person in found.people}
    wanted |= {as_subject(PERSON_KEY, key) for key in found.person_keys}
    wanted |= {as_subject(EMAIL, email) for email in found.emails}
    return Sought(wanted, {scope for scope, _ in found.accounts | found.contacts})


def _accounts(lake: Lake, found: Belongings) -> tuple[list[Account], list[Account]]:
    salt = erasure_salt(lake)
    asked = read_asked(lake, salt)
    marks = read_marks(lake)
    book = Erasures(salt, marks, asked)

    def described(pair: tuple[str, str], prefix: str) -> Account:
        name = mark(salt, as_subject(*pair))
        standing = in_force((a.requested_at, a.request) for a in asked if a.mark == name)
        erased = book.since(name) if book.is_erased(name) else None
        return Account(f"{prefix}{pair[0]}:{pair[1]}", "erase" if erased else standing, erased)

    return (
        [described(pair, "acct:") for pair in sorted(found.accounts)],
        [described(pair, "") for pair in sorted(found.contacts)],
    )


def _add(report: PersonReport, place: str, name: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        dataset = contract(name)
        columns = {f.name: f.description for f in dataset.fields}
        report.held.append(Held(place, dataset.description, columns, rows))


def _lake_rows(lake: Lake, table: str, named: tuple[Named, ...], sought: Sought) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for day, manifest in lake.manifests(table).items():
        if not manifest.rows:
            continue
        some = lake.read_arrow(table, day, columns_of(named))
        if some is None or not any(hit := whose(some, named, sought, day)):
            continue
        rows = lake.read_arrow(table, day)
        if rows is not None:
            mine = rows.filter(pa.array([name is not None for name in hit], pa.bool_())).to_pylist()
            found += [{"day": day, **_without_others(row, named, sought)} for row in mine]
    return found


def _without_others(row: dict[str, Any], named: tuple[Named, ...], sought: Sought) -> dict[str, Any]:
    """The row without the ids of other people."""
    changed = dict(row)
    for each in named:
        value = row.get(each.column)
        if value is None or each.column in ("content_id", "raw"):
            continue
        scope = each.scope
        if each.scope_column is not None:
            found = str(row.get(each.scope_column))
            scope = (found.lower() if each.scope_column == "network" else found) + each.scope
        identifier = plain_handle(str(value)) if each.handle else str(value)
        if sought.found(as_subject(scope, identifier), date.max) is None:
            changed[each.column] = SOMEBODY_ELSE
    if "raw" in changed and changed.get("account_id") == SOMEBODY_ELSE:
        changed["raw"] = changed["detail"] = SOMEBODY_ELSE  # a row of theirs, as it came
    return changed


def _raw(
    lake: Lake, sought: Sought, report: PersonReport, say: Progress
) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    for area in AREAS:
        for source in raw_sources(lake, area):
            by_table: dict[str, list[dict[str, Any]]] = {}
            say(f"{area}/{source}")
            for day, manifest in lake.manifests(f"{area}/{source}").items():
                for file in manifest.files:
                    table = str(file.extra.get("table", ""))
                    rows = _rows_of_file(lake, f"{area}/{source}", day, file, source, sought)
                    if rows is None:
                        report.not_searched.append(f"{area}/{source}/{day}/{file.name}")
                    elif rows:
                        by_table.setdefault(f"{area}/{source}/{table}", []).extend(rows)
            for place, rows in sorted(by_table.items()):
                yield place, _ANSWERS_WHY if place.endswith(f"/{ANSWERS}") else _RAW_WHY, rows


def _rows_of_file(
    lake: Lake, place: str, day: date, file: Any, source: str, sought: Sought
) -> list[dict[str, Any]] | None:
    table = str(file.extra.get("table", ""))
    if file.extra.get("format") == REFUSED:
        return []
    if table != ANSWERS and (table not in contracts() or contract(table).layer != "input"):
        return None
    taken: list[Any] = []
    task = Task(sought, day, source, table, taken=taken)
    try:
        with lake.open(f"{lake.day_path(place, day)}/{file.name}") as handle:
            clean(handle.read(), str(file.extra.get("format", "")), task)
    except (OSError, ValueError, KeyError, pa.ArrowException):
        return None
    named = () if table == ANSWERS else named_in([f.name for f in contract(table).input_fields])
    rows = [row if isinstance(row, dict) else {"text": row} for row in taken]
    return [{"day": day, **_without_others(row, named, sought)} for row in rows]


def _watched(settings: Settings, sought: Sought) -> list[dict[str, Any]]:
    return [
        asdict(order)
        for order in watch.orders(settings.home)
        if sought.found(as_subject(handle_scope(order.network), plain_handle(order.handle)), date.max)
    ]


def _published(
    settings: Settings, found: Belongings, sought: Sought
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Rows of the published copy, which is what others read."""
    path = published_copy(settings)
    if path is None or not path.exists():
        return
    ids = {
        "person_id": sorted(found.people),
        "account_id": sorted(account for _, account in found.accounts),
        "contact_id": sorted(contact for _, contact in found.contacts),
    }
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        for name, dataset in contracts().items():
            named = named_in(dataset.columns)
            if dataset.layer != "mart" or dataset.schema_name not in _MARTS_SCHEMAS or not named:
                continue
            wanted = [n.column for n in named if _kind(n.column) in ids]
            where = " or ".join(f'list_contains(?, "{column}")' for column in wanted)
            try:
                rows = connection.execute(
                    f"select * from {name} where {where}",  # noqa: S608  names of the contracts
                    [ids[_kind(column)] for column in wanted],
                ).fetch_arrow_table()
            except duckdb.CatalogException:
                continue  # a promise without a table yet
            mine = rows.filter(
                pa.array([hit is not None for hit in whose(rows, named, sought, date.max)], pa.bool_())
            )
            yield name, [_without_others(row, named, sought) for row in mine.to_pylist()]


def _kind(column: str) -> str:
    return next((kind for kind in ("account_id", "contact_id") if column.endswith(kind)), column)
