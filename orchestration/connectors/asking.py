"""Whom a pull asks for: the watch list, the CRM's contacts, and accounts that reacted to those.

All but the watch list comes from the lake, as far as it is conformed. Nobody who opted out, objected or was
erased is asked for.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from orchestration.connectors.network import Watched
from orchestration.connectors.watch import key, of_network
from orchestration.settings import Settings
from spark_jobs.erasure import OPT_IN, erasure_salt, handle_scope, in_force, mark, plain_handle, subject
from spark_jobs.lake import Lake

REACTED_DAYS = 30
"""Days over which reactions to the watched are counted."""

_ACCOUNT_DAYS = 90  # days whose snapshots tell a handle's id
_REACTIONS = pa.array(["reply", "mention", "quote", "repost", "like"])


@dataclass
class Known:
    """Handles and ids of a network's accounts as the lake last saw them."""

    ids: dict[str, str] = field(default_factory=dict)
    handles: dict[str, str] = field(default_factory=dict)


def whom(settings: Settings, lake: Lake, network: str, day: date) -> tuple[Watched, ...]:
    """The accounts to ask a network for on a day, each once: watched, contacts, reactors, in this order."""
    known = _known(lake, network, day)
    left_alone = _left_alone(lake, network, day)
    named = _once([*of_network(settings.home, network), *_contacts(lake, network, day)], known)
    allowed = [each for each in named if not left_alone(each, known)]
    own = {account for each in allowed if (account := _id(each, known))}
    here = {_id(each, known) for each in named}
    reacted = (
        Watched(network, known.handles.get(account), account, "reacted")
        for account in _reactors(lake, network, day, own)
        if account not in here
    )
    return (*allowed, *_first((r for r in reacted if not left_alone(r, known)), settings.watch_reacted))


def _left_alone(lake: Lake, network: str, day: date) -> Callable[[Watched, Known], bool]:
    """Whether an account is one that nobody may ask for: it, its person or its contact said so.

    Erased accounts are known by their marks alone; so all are compared by marks.
    """
    salt = erasure_salt(lake)
    asked: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    columns = ["network", "account_id", "crm", "contact_id", "request", "requested_at"]
    for row in _rows(lake, "privacy_requests", day, None, columns):
        for scope, identifier in ((row["network"], row["account_id"]), (row["crm"], row["contact_id"])):
            if scope and identifier:
                asked[mark(salt, subject(scope, identifier))].append((row["requested_at"], row["request"]))
    stopped = {name for name, requests in asked.items() if in_force(requests) not in (None, OPT_IN)}
    for row in _newest(lake, "privacy_extension", day):
        holds = row["valid_from"] <= day and (row["valid_to"] is None or day < row["valid_to"])
        if holds and row["account_id"] and row["request"] != OPT_IN:
            stopped.add(mark(salt, subject(row["network"], row["account_id"])))
    for row in _newest(lake, "erased_mark", day):
        # Whoever came back did so by an opt-in of the account that the mark belongs to.
        if in_force(asked.get(row["owner"], [])) != OPT_IN:
            stopped.add(row["mark"])
    of_handles = handle_scope(network)
    for contact, handle in _handles_of_contacts(lake, network, day).items():
        if mark(salt, subject(*contact)) in stopped:
            stopped.add(mark(salt, subject(of_handles, plain_handle(handle))))

    def left_alone(each: Watched, known: Known) -> bool:
        account = _id(each, known)
        handles = {each.handle, known.handles.get(account or "")} - {None}
        # Where a service has no handles but ids, somebody may have written the id.
        ids = {account, each.handle} - {None}
        marks = [mark(salt, subject(network, str(name))) for name in ids]
        marks += [mark(salt, subject(of_handles, plain_handle(str(name)))) for name in handles]
        return any(name in stopped for name in marks)

    return left_alone


def _contacts(lake: Lake, network: str, day: date) -> list[Watched]:
    """The CRM's contacts on the network, without those that it has deleted."""
    handles = _handles_of_contacts(lake, network, day)
    deleted = _deleted_contacts(lake, day) if handles else set()
    return [Watched(network, handle, None, "crm") for of, handle in handles.items() if of not in deleted]


def _handles_of_contacts(lake: Lake, network: str, day: date) -> dict[tuple[str, str], str]:
    """The handle that each contact (CRM and id) was last said to have there."""
    columns = ["crm", "contact_id", "network", "handle"]
    return {
        (row["crm"], row["contact_id"]): row["handle"]
        for row in _rows(lake, "crm_contact_accounts", day, None, columns)
        if row["network"] == network and row["handle"]
    }


def _deleted_contacts(lake: Lake, day: date) -> set[tuple[str, str]]:
    """Contacts that their CRM holds no longer, by the newest that it said of them."""
    deleted: dict[tuple[str, str], datetime] = {}
    for rows in _tables(lake, "crm_contacts", day, None, None):
        if "deleted" in rows.column_names:  # days from before there was such a column have none
            for row in rows.filter(pc.equal(rows["deleted"], True)).to_pylist():
                contact = row["crm"], row["contact_id"]
                deleted[contact] = max(row["updated_at"], deleted.get(contact, row["updated_at"]))
    if not deleted:
        return set()
    ids = pa.array(sorted({contact for _, contact in deleted}))
    for rows in _tables(lake, "crm_contacts", day, None, None):
        for row in rows.filter(pc.is_in(rows["contact_id"], value_set=ids)).to_pylist():
            contact = row["crm"], row["contact_id"]
            if not row.get("deleted") and row["updated_at"] > deleted.get(contact, row["updated_at"]):
                del deleted[contact]
    return set(deleted)


def _known(lake: Lake, network: str, day: date) -> Known:
    known = Known()
    for row in _rows(lake, "accounts", day, _ACCOUNT_DAYS, ["network", "account_id", "handle"]):
        if row["network"] == network:
            known.ids[key(row["handle"])] = row["account_id"]
            known.handles[row["account_id"]] = row["handle"]
    return known


def _reactors(lake: Lake, network: str, day: date, own: set[str]) -> list[str]:
    """Accounts that reacted to those of `own`, most reactions first."""
    if not own:
        return []
    counted: Counter[str] = Counter()
    columns = ["network", "kind", "actor_account_id", "target_account_id"]
    targets = pa.array(sorted(own))
    for table in _tables(lake, "activities", day, REACTED_DAYS, columns):
        here = pc.and_(
            pc.and_(pc.equal(table["network"], network), pc.is_in(table["kind"], value_set=_REACTIONS)),
            pc.is_in(table["target_account_id"], value_set=targets),
        )
        counted.update(table.filter(here)["actor_account_id"].to_pylist())
    return [account for account, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0]))]


def _once(accounts: Iterable[Watched], known: Known) -> list[Watched]:
    """Accounts that are named twice, or by id and handle, once."""
    found: dict[str, Watched] = {}
    for each in accounts:
        found.setdefault(_id(each, known) or f"@{key(each.handle or '')}", each)
    return list(found.values())


def _id(each: Watched, known: Known) -> str | None:
    return each.account_id or known.ids.get(key(each.handle or ""))


def _first(accounts: Iterable[Watched], most: int) -> Iterator[Watched]:
    for _, each in zip(range(most), accounts, strict=False):
        yield each


def _rows(
    lake: Lake, table: str, day: date, days: int | None, columns: list[str]
) -> Iterator[Mapping[str, Any]]:
    for rows in _tables(lake, table, day, days, columns):
        yield from rows.to_pylist()


def _newest(lake: Lake, table: str, day: date) -> list[dict[str, Any]]:
    """The rows of a table's newest day, which holds all that is known; none where there is no table."""
    days = [each for each in lake.days(table) if each <= day]
    rows = lake.read_arrow(table, days[-1]) if days else None
    return rows.to_pylist() if rows is not None else []


def _tables(
    lake: Lake, table: str, day: date, days: int | None, columns: list[str] | None
) -> Iterator[pa.Table]:
    """A table's days up to `day`, the last `days` of them, with rows, in order."""
    first = date.min if days is None else day - timedelta(days=days)
    for each in lake.days(table):
        if first <= each <= day:
            rows = lake.read_arrow(table, each, columns)
            if rows is not None and rows.num_rows:
                yield rows
