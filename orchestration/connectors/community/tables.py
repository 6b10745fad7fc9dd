"""The Arrow form of the tables, and how numbers become their texts."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.connectors.community.content import NO_TOPIC, TOPIC_BASE, Events
from orchestration.connectors.community.names import handles
from orchestration.connectors.community.networks import KIND_NAMES, Customs
from orchestration.connectors.community.people import TOPICS
from orchestration.connectors.community.randomness import Bools, Ints, Stream, hashes

TIME = pa.timestamp("us", tz="UTC")
_TEXT, _COUNT, _NUMBER, _FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()

SCHEMAS: Mapping[str, pa.Schema] = {
    name: pa.schema(list(columns.items()))
    for name, columns in {
        "activities": {
            "network": _TEXT, "activity_id": _TEXT, "kind": _TEXT, "actor_account_id": _TEXT,
            "target_account_id": _TEXT, "content_id": _TEXT, "occurred_at": TIME, "topics": pa.list_(_TEXT),
        },
        "accounts": {
            "network": _TEXT, "account_id": _TEXT, "handle": _TEXT, "display_name": _TEXT, "email": _TEXT,
            "region": _TEXT, "language": _TEXT, "created_at": TIME, "followers": _COUNT, "following": _COUNT,
            "posts": _COUNT, "is_verified": _FLAG, "is_automated": _FLAG, "observed_at": TIME,
        },
        "identity_links": {
            "network": _TEXT, "account_id": _TEXT, "person_key": _TEXT, "share": _NUMBER,
            "confidence": _NUMBER, "method": _TEXT, "observed_at": TIME,
        },
        "endorsements": {
            "network": _TEXT, "from_account_id": _TEXT, "to_account_id": _TEXT, "topic": _TEXT,
            "endorsed_at": TIME,
        },
        "deletions": {"network": _TEXT, "content_id": _TEXT, "deleted_at": TIME},
        "privacy_requests": {
            "network": _TEXT, "account_id": _TEXT, "crm": _TEXT, "contact_id": _TEXT, "request": _TEXT,
            "requested_at": TIME,
        },
        "crm_contacts": {
            "crm": _TEXT, "contact_id": _TEXT, "email": _TEXT, "full_name": _TEXT, "region": _TEXT,
            "lifetime_value": _NUMBER, "currency": _TEXT, "customer_since": pa.date32(),
            "birth_year": pa.int32(), "legal_basis": _TEXT, "deleted": _FLAG, "updated_at": TIME,
        },
        "crm_contact_accounts": {"crm": _TEXT, "contact_id": _TEXT, "network": _TEXT, "handle": _TEXT},
        "service_events": {
            "crm": _TEXT, "contact_id": _TEXT, "event_id": _TEXT, "kind": _TEXT, "occurred_at": TIME,
            "resolved": _FLAG, "satisfied": _FLAG, "deleted": _FLAG, "updated_at": TIME,
        },
        "outcomes": {
            "outcome_id": _TEXT, "crm": _TEXT, "contact_id": _TEXT, "kind": _TEXT, "amount": _NUMBER,
            "occurred_at": TIME, "campaign_id": _TEXT,
        },
    }.items()
}  # fmt: skip


def table(name: str, columns: Mapping[str, Any]) -> pa.Table:
    """A table in the contract's form from NumPy or Arrow columns; KeyError if one is missing."""
    schema = SCHEMAS[name]
    return pa.Table.from_arrays(
        [as_array(columns[field.name], field.type) for field in schema], schema=schema
    )


def as_array(values: Any, kind: pa.DataType) -> pa.Array:
    """A column of this Arrow type; whole numbers become times as microseconds since 1970 UTC."""
    array = values if isinstance(values, pa.Array) else pa.array(values)
    return array if array.type == kind else array.cast(kind)


def constant(text: str | None, rows: int) -> pa.Array:
    """The same text (or null) in every row."""
    return pa.repeat(pa.scalar(text, pa.string()), rows)


def where(values: Any, present: Bools) -> pa.Array:
    """The values, null where not `present`."""
    array = values if isinstance(values, pa.Array) else pa.array(values)
    return pc.if_else(pa.array(present), array, pa.scalar(None, array.type))


def chosen(words: tuple[str | None, ...], numbers: Ints) -> pa.Array:
    """The word of each number."""
    return pa.array(words, pa.string()).take(pa.array(numbers))


def scattered_ids(index: Ints, seed: int, prefix: str, salt: int) -> pa.Array:
    """An id a person (string): prefix and digits, which do not tell the index; unique below 2**31 people."""
    step = hashes(seed, Stream.ACCOUNT_FIELDS, np.zeros(1, dtype=np.int64), salt=100 + salt) | np.uint64(1)
    numbers = (index.astype(np.uint64) * step) & np.uint64(2**31 - 1)
    return pc.binary_join_element_wise(prefix, pc.cast(pa.array(numbers + np.uint64(10**9)), pa.string()), "")


def account_ids(index: Ints, seed: int, customs: Customs) -> pa.Array:
    """The account ids that people (have or would) have on a network (string)."""
    return scattered_ids(index, seed, "f" if customs.number else "", customs.number)


def account_handles(index: Ints, seed: int, customs: Customs) -> pa.Array:
    """The handles that people (have or would) have on a network (string)."""
    return handles(index, seed, customs.handle_style)


def content_ids(numbers: Ints, customs: Customs) -> pa.Array:
    """Activity and content numbers as ids (string); a negative number is null."""
    text = pc.cast(pa.array(numbers), pa.string())
    named = pc.binary_join_element_wise(customs.id_prefix, text, "") if customs.id_prefix else text
    return where(named, numbers >= 0)


def _topic_lists() -> pa.Array:
    """The list of every topic pair, in the order of the pairs' numbers, and an empty one at the end."""
    pairs = [divmod(number, TOPIC_BASE) for number in range(TOPIC_BASE**2)]
    lists = [[TOPICS[topic] for topic in pair if topic != NO_TOPIC] for pair in pairs]
    return pa.array([*lists, []], pa.list_(pa.string()))


def activities(events: Events, customs: Customs, account_id: pa.Array) -> pa.Table:
    """The activities table of one network's events; account_id: the account id of each person."""
    return table(
        "activities",
        {
            "network": constant(customs.name, len(events)),
            "activity_id": content_ids(events.number, customs),
            "kind": chosen(KIND_NAMES, events.kind),
            "actor_account_id": account_id.take(pa.array(events.actor)),
            "target_account_id": account_id.take(where(events.target, events.target >= 0)),
            "content_id": content_ids(events.content, customs),
            "occurred_at": events.time,
            # A number below zero stands for no topics.
            "topics": _topic_lists().take(
                pa.array(np.where(events.topics < 0, TOPIC_BASE**2, events.topics))
            ),
        },
    )
