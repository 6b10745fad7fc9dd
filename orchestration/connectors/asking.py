"""Whom a pull asks for: the watch list, the CRM's contacts, and accounts that reacted to those.

All but the watch list comes from the lake, as far as it is conformed. Nobody who opted out, objected or was
erased is asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from orchestration.connectors.network import Watched
from orchestration.connectors.watch import key, of_network
from orchestration.settings import Settings
from spark_jobs.lake import Lake

REACTED_DAYS = 30
"""Days over which reactions to the watched are counted."""

_ACCOUNT_DAYS = 90  # days whose snapshots tell a handle's id
_REACTIONS = pa.array(["reply", "mention", "quote", "repost", "like"])
_STOP = ("opt_out", "erase", "object")


@dataclass
class Known:
    """Handles and ids of a network's accounts as the lake last saw them."""

    ids: dict[str, str] = field(default_factory=dict)
    handles: dict[str, str] = field(default_factory=dict)


def whom(settings: Settings, lake: Lake, network: str, day: date) -> tuple[Watched, ...]:
    """The accounts to ask a network for on a day, each once: watched, contacts, reactors, in this order."""
    listed = of_network(settings.home, network)
    contacts, stopped_contacts = _contacts(lake, network, day)
    stopped = stopped_accounts(lake, network, day) | stopped_contacts
    known = _known(lake, network, day)
    named = _once([*listed, *contacts], known)
    allowed = [each for each in named if not _stopped(each, stopped, known)]
    own = {account for each in allowed if (account := _id(each, known))}
    reacted = (
        Watched(network, known.handles.get(account), account, "reacted")
        for account in _reactors(lake, network, day, own)
        if account not in {_id(each, known) for each in named}
    )
    asked = (each for each in reacted if not _stopped(each, stopped, known))
    return (*allowed, *_first(asked, settings.watch_reacted))


def stopped_accounts(lake: Lake, network: str, day: date) -> set[str]:
    """Ids of accounts whose last request up to a day is one to be left alone."""
    requests = [
        (row["requested_at"], row["account_id"], row["request"])
        for row in _rows(
            lake, "privacy_requests", day, None, ["network", "account_id", "request", "requested_at"]
        )
        if row["network"] == network and row["account_id"]
    ]
    last = {account: request for _, account, request in sorted(requests)}
    return {account for account, request in last.items() if request in _STOP}


def _contacts(lake: Lake, network: str, day: date) -> tuple[list[Watched], set[str]]:
    """The CRM's contacts on the network; and handles of those contacts who asked to be left alone."""
    requests = [
        (row["requested_at"], row["crm"], row["contact_id"], row["request"])
        for row in _rows(
            lake, "privacy_requests", day, None, ["crm", "contact_id", "request", "requested_at"]
        )
        if row["crm"] and row["contact_id"]
    ]
    last = {(crm, contact): request for _, crm, contact, request in sorted(requests)}
    handles: dict[tuple[str, str], str] = {}
    for row in _rows(lake, "crm_contact_accounts", day, None, ["crm", "contact_id", "network", "handle"]):
        if row["network"] == network and row["handle"]:
            handles[row["crm"], row["contact_id"]] = row["handle"]
    stopped = {contact for contact in handles if last.get(contact) in _STOP}
    asked = [Watched(network, h, None, "crm") for contact, h in handles.items() if contact not in stopped]
    return asked, {key(handles[contact]) for contact in stopped}


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


def _stopped(each: Watched, stopped: set[str], known: Known) -> bool:
    """`stopped` holds ids and handles alike; a handle may be the id itself."""
    names = {each.account_id, _id(each, known), each.handle, key(each.handle or "") or None}
    return any(name in stopped for name in names if name)


def _first(accounts: Iterable[Watched], most: int) -> Iterator[Watched]:
    for _, each in zip(range(most), accounts, strict=False):
        yield each


def _rows(
    lake: Lake, table: str, day: date, days: int | None, columns: list[str]
) -> Iterator[Mapping[str, Any]]:
    for rows in _tables(lake, table, day, days, columns):
        yield from rows.to_pylist()


def _tables(lake: Lake, table: str, day: date, days: int | None, columns: list[str]) -> Iterator[pa.Table]:
    """A table's days up to `day`, the last `days` of them, with rows, in order."""
    first = date.min if days is None else day - timedelta(days=days)
    for each in lake.days(table):
        if first <= each <= day:
            rows = lake.read_arrow(table, each, columns)
            if rows is not None and rows.num_rows:
                yield rows
