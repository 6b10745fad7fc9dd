"""Contacts that are one record in the CRM: Salesforce writes the same id with 15 characters and with 18.

Two connectors, or an export beside a connector, bring both. Sent as two, one would overwrite the other in
each run. So a plan has one row a record, and its history is that of both ids.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from orchestration.activation.mapping import CrmMapping
from orchestration.activation.plan import PRIVACY_REASONS

T = TypeVar("T")


@dataclass(frozen=True)
class Records:
    """A CRM's records: the rows of the mart, one each, and the id that each goes by."""

    rows: Sequence[Mapping[str, Any]]
    mapping: CrmMapping
    ids: Mapping[str, str]

    def named(self, found: Mapping[str, T]) -> dict[str, T]:
        """The same by the ids of the rows, where it has others for their records."""
        return {self._id(contact_id): value for contact_id, value in found.items()}

    def among(self, contact_ids: Iterable[str]) -> frozenset[str]:
        """The ids, as the rows and the books have them."""
        return frozenset(map(self._id, contact_ids))

    def _id(self, contact_id: str) -> str:
        return self.ids.get(self.mapping.record_of(contact_id), contact_id)


def one_each(rows: Iterable[Mapping[str, Any]], mapping: CrmMapping, known: Collection[str]) -> Records:
    """One row a record. Of several the one that is withheld, else the one that says most.

    `known` are the ids of records that were sent before, one a record.
    """
    if not mapping.by_salesforce_id:
        return Records(list(rows), mapping, {})
    best: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        record = mapping.record_of(str(row["contact_id"]))
        if record not in best or _weight(row) > _weight(best[record]):
            best[record] = row
    ids = {mapping.record_of(one): one for one in known}
    ids |= {record: str(row["contact_id"]) for record, row in best.items()}
    return Records(list(best.values()), mapping, ids)


def _weight(row: Mapping[str, Any]) -> tuple[bool, bool, bool, float, str]:
    reason, contact_id = row.get("unscored_reason"), str(row["contact_id"])
    return (
        reason == "erased",
        reason in PRIVACY_REASONS,
        row.get("score") is not None,
        row.get("match_confidence") or 0.0,
        contact_id,
    )
