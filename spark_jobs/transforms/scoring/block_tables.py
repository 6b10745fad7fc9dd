"""The tables that scoring tasks take and give, as Arrow schemas."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from spark_jobs.arrow_schemas import ARROW_TYPES
from spark_jobs.contracts import contract
from spark_jobs.scoring_model import KINDS


def lake_table(name: str, without: tuple[str, ...] = ()) -> pa.Schema:
    """A lake table's columns after its contract, `day` among them."""
    return pa.schema(
        [
            (field.name, ARROW_TYPES[field.type])
            for field in contract(name).fields
            if field.name not in without
        ]
    )


def _texts(*names: str) -> list[tuple[str, pa.DataType]]:
    return [(name, pa.string()) for name in names]


def _numbers(*names: str) -> list[tuple[str, pa.DataType]]:
    return [(name, pa.float64()) for name in names]


_DAY = [("day", pa.date32())]

LEVEL_CAUSES = ("new_attention", "fading", "others_authority", "give_back")
ACCOUNT_MEASURES = (
    "level",
    "level_before",
    "fast_level",
    "variance",
    "ceiling_points",
    "evidence",
    "reach",
    "posts_a_day",
    "network_influence",
    "endorsed",
)
"""What the day says of each account, beside the split of its level's change."""

NETWORK_STATES: Mapping[str, pa.Schema] = {
    name: lake_table(name)
    for name in ("account_state", "pair_state", "topic_state", "endorsement_state", "network_state")
}
"""What a network's day hands to its next."""

_USED_OF_ACCOUNTS = {"network", "account_id", "handle", "created_at", "is_verified", "observed_at", "day"}
_UNUSED_OF_ACCOUNTS = {field.name for field in contract("accounts").fields} - _USED_OF_ACCOUNTS

NETWORK_INPUT: Mapping[str, pa.Schema] = {
    **NETWORK_STATES,
    "activities": lake_table("activities", ("activity_id", "content_id", "source")),
    "endorsements": lake_table("endorsements", ("source",)),
    "accounts": lake_table("accounts", tuple(_UNUSED_OF_ACCOUNTS)),
    "person_account": lake_table("person_account"),
    "identity_links": lake_table("identity_links", ("method", "source")),
    "privacy_requests": lake_table("privacy_requests", ("crm", "contact_id", "source")),
    "privacy_extension": lake_table("privacy_extension", ("crm", "contact_id")),
    "crm_contact_accounts": lake_table("crm_contact_accounts", ("crm", "contact_id", "source")),
}

PERSON_ACCOUNT = NETWORK_INPUT["person_account"]
PERSON_STATE = lake_table("person_state")

PERSON_INPUT: Mapping[str, pa.Schema] = {
    "person_state": PERSON_STATE,
    "account_day": pa.schema(
        _DAY
        + _texts("person_id", "network", "came_from")
        + _numbers("share", "share_before", "share_start", "own_score")
        + [("has_acted", pa.bool_()), ("standing", pa.int64())]
        + _numbers(*ACCOUNT_MEASURES)
        + _numbers(*(f"change_{cause}" for cause in LEVEL_CAUSES))
        + _numbers(*(f"slow_{kind}" for kind in KINDS))
    ),
    "person_topic": pa.schema(
        _DAY
        + _texts("person_id", "network", "topic")
        + _numbers("share", "attention", "evidence", "endorsements", "weight")
    ),
    "person_reactor": pa.schema(_DAY + _texts("person_id", "network", "account_id") + _numbers("share")),
}
"""What people are scored from: their own state, and the rest from the networks' tasks."""

UNPUBLISHED = ("revision", "reason", "published_at")
PERSON_OUTPUT: Mapping[str, pa.Schema] = {
    "daily_score": lake_table("daily_score", (*UNPUBLISHED, "percentile", "model_version")),
    **{
        name: lake_table(name, UNPUBLISHED)
        for name in ("score_part", "score_change", "score_reactor", "topic_score")
    },
}
"""What is published of people, before publication adds its columns."""
