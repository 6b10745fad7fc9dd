"""Rows of the input contracts, as the modules of networks yield them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, time
from typing import Any

from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable

_MOST_TOPICS = 64


def activity(
    network: str,
    kind: str,
    activity_id: str,
    *,
    actor: str,
    at: datetime,
    target: str | None = None,
    content: str | None = None,
    topics: Sequence[str] = (),
) -> Row:
    """A row of `activities`. `topics` are those of the content that was posted or reacted to."""
    return Row(
        "activities",
        {
            "network": network,
            "activity_id": activity_id,
            "kind": kind,
            "actor_account_id": actor,
            "target_account_id": target,
            "content_id": content,
            "occurred_at": at,
            "topics": list(topics),
        },
    )


def account(network: str, account_id: str, handle: str, seen_at: datetime, **said: Any) -> Row:
    """A row of `accounts`; what the service does not say is None."""
    unknown = dict.fromkeys(
        (
            "display_name", "email", "region", "language", "created_at", "followers", "following", "posts",
            "is_verified", "is_automated",
        )
    )  # fmt: skip
    if not said.keys() <= unknown.keys():
        raise TypeError(f"no columns of accounts: {sorted(said.keys() - unknown.keys())}")
    known = {"network": network, "account_id": account_id, "handle": handle}
    return Row("accounts", {**known, **unknown, **said, "observed_at": seen_at})


def mentions(
    network: str,
    named: Iterable[str | None],
    content: str,
    *,
    actor: str,
    at: datetime,
    reached: Collection[str | None] = (),
    topics: Sequence[str] = (),
) -> Iterator[Row]:
    """Rows of `activities` for those whom a text names, each once, but for whom it reaches anyway."""
    for target in dict.fromkeys(named):
        if target is not None and target not in reached:
            made = f"mention:{content}:{target}"
            yield activity(network, "mention", made, actor=actor, at=at, target=target, topics=topics)


def reacted_to(answer: Answer) -> tuple[str, str]:
    """The content that was asked about, and whose it is. Unreadable where the request does not say."""
    try:
        return answer.about["content_id"], answer.about["account_id"]
    except KeyError as error:
        raise Unreadable("null_required", f"the request does not say {error.args[0]}") from None


def deletion(network: str, content_id: str, at: datetime) -> Row:
    """A row of `deletions`."""
    return Row("deletions", {"network": network, "content_id": content_id, "deleted_at": at})


def undated(reading: Reading, answer: Answer, posted_at: datetime | None) -> datetime:
    """When a reaction counts from without a date of its own: noon of the day, but not before its post.

    Never after it was received.
    """
    noon = datetime.combine(reading.day, time(12), UTC)
    return min(max(noon, posted_at or noon), answer.received_at)


def topics_of(reading: Reading, texts: Iterable[str | None], tags: Iterable[str] = ()) -> list[str]:
    """Topics of several texts and of tags, each once.

    Each text is read alone: no term may run from the end of one into the beginning of the next, which would
    be others where the texts are stored reduced.
    """
    found = dict.fromkeys(reading.topics("", tags))
    for text in texts:
        if text:
            found.update(dict.fromkeys(reading.topics(text, ())))
    return list(found)[:_MOST_TOPICS]


def accounts_once(found: Iterable[Row | Refused]) -> Iterator[Row | Refused]:
    """The same without repeated snapshots: an answer names the same account many times."""
    seen: set[str] = set()
    for row in found:
        if isinstance(row, Row) and row.table == "accounts":
            if row.values["account_id"] in seen:
                continue
            seen.add(row.values["account_id"])
        yield row


def once(found: Iterable[Row | Refused]) -> Iterator[Row | Refused]:
    """The same, of each activity, account and link the first row: answers repeat themselves."""
    seen: set[tuple[object, ...]] = set()
    keys = {
        "activities": ("activity_id",),
        "accounts": ("account_id",),
        "identity_links": ("account_id", "person_key"),
        "deletions": ("content_id",),
    }
    for row in found:
        if isinstance(row, Row) and row.table in keys:
            key = (row.table, *(row.values[name] for name in keys[row.table]))
            if key in seen:
                continue
            seen.add(key)
        yield row
