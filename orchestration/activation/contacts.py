"""The rows of `crm.contact_score` for one CRM, from the published warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from orchestration.activation.mapping import MART
from orchestration.publishing import published_path
from orchestration.settings import Settings

DELETED = "crm.deleted_contact"


class ContactsError(Exception):
    """There is no published warehouse to read contacts from; says where and what to do."""


@dataclass(frozen=True)
class Contacts:
    """A CRM's contacts with their scores. `as_of` is the newest published day; None where there is none.

    `deleted` are ids that the CRM has itself deleted, or merged into others.
    """

    rows: list[Mapping[str, Any]]
    as_of: date | None
    deleted: frozenset[str] = frozenset()


def read_contacts(settings: Settings, crm: str) -> Contacts:
    """Every row of the mart for `crm`, by contact. ContactsError where nothing was published."""
    path = published_path(settings)
    if "://" in settings.home:
        raise ContactsError(f"{settings.home} is not a folder of this machine; sync where its warehouse is.")
    if not path.is_file():
        raise ContactsError(
            f"Nothing is published in {settings.home} yet. Run: stature run --from YYYY-MM-DD"
        )
    with duckdb.connect(str(path), read_only=True) as connection:
        newest = connection.execute("select max(day) from bi.score_latest").fetchone()
        found = connection.execute(f"select * from {MART} where crm = $crm order by contact_id", {"crm": crm})  # noqa: S608
        rows = found.to_arrow_table().to_pylist()
        deleted = _deleted(connection, crm)
    return Contacts(rows, newest[0] if newest else None, deleted)


def _deleted(connection: duckdb.DuckDBPyConnection, crm: str) -> frozenset[str]:
    try:
        found = connection.execute(f"select contact_id from {DELETED} where crm = $crm", {"crm": crm})  # noqa: S608
    except duckdb.CatalogException:  # published before there was such a table: nothing is known of any
        return frozenset()
    return frozenset(str(row[0]) for row in found.fetchall())
