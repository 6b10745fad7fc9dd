"""Finding a person by what somebody types."""

from __future__ import annotations

import re
from typing import Any

from orchestration.commands.warehouse import CommandError, Warehouse
from orchestration.settings import Settings
from spark_jobs.lake import Lake

_PERSON = "select person_id, display_name, handle, networks from core.person"
_ON_NETWORK = "list_contains(string_split(networks, ','), ?)"


def find_person(warehouse: Warehouse, settings: Settings, who: str) -> dict[str, Any]:
    """The person meant by `@handle@network`, `@handle`, or a person_id.

    CommandError where nobody or more than one fits; it names the ones that are close.
    """
    who = who.strip()
    if exact := warehouse.row(f"{_PERSON} where person_id = ?", who):
        return exact
    match = re.fullmatch(r"@?(?P<handle>.+?)(?:@(?P<network>[^@]+))?", who)
    if match is None:
        raise CommandError(f"{who} is not an account: write it as @handle@network.")
    handle, network = match["handle"], (match["network"] or "").lower()
    found = _by_handle(warehouse, handle, network) or _by_account(warehouse, settings, handle, network)
    if not found:
        raise CommandError(_nobody(warehouse, handle, network))
    if len(found) > 1:
        names = ", ".join(f"{row['person_id']} (@{row['handle']} on {row['networks']})" for row in found[:5])
        raise CommandError(f"{who} may be {len(found)} people; say which by its id: {names}")
    return found[0]


def _by_handle(warehouse: Warehouse, handle: str, network: str) -> list[dict[str, Any]]:
    if network:
        return warehouse.rows(f"{_PERSON} where lower(handle) = lower(?) and {_ON_NETWORK}", handle, network)
    return warehouse.rows(f"{_PERSON} where lower(handle) = lower(?)", handle)


def _by_account(warehouse: Warehouse, settings: Settings, handle: str, network: str) -> list[dict[str, Any]]:
    """By the handle of any of a person's accounts: core.person names only the main one."""
    lake = Lake(settings.home)
    files = lake.files("accounts", lake.days("accounts")) if lake.local_root else []
    if not files or not network:
        return []
    # The join leaves out whoever may not be shown: they are in the lake and not in the copy.
    return warehouse.rows(
        f"{_PERSON} where person_id in ("  # noqa: S608
        " select held.person_id from core.person_account as held join ("
        "   select account_id, arg_max(handle, observed_at) as handle from read_parquet(?)"
        "   where network = ? group by account_id"
        " ) as known on held.account_id = known.account_id"
        " where held.network = ? and held.valid_to is null and lower(known.handle) = lower(?))",
        files,
        network,
        network,
        handle,
    )


def _nobody(warehouse: Warehouse, handle: str, network: str) -> str:
    name = f"@{handle}@{network}" if network else f"@{handle}"
    close = warehouse.rows(
        "select handle, networks from core.person where handle is not null"
        " order by jaro_winkler_similarity(lower(handle), lower(?)) desc, handle limit 3",
        handle,
    )
    known = ", ".join(f"@{row['handle']}@{row['networks'].split(',')[0]}" for row in close)
    return f"Nobody published is called {name}." + (f" Close: {known}." if known else "")
