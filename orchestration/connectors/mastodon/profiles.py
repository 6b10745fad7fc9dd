"""Accounts of servers that speak Mastodon's API, under ids that are the same seen from every server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

from orchestration.connectors.answers import Answer, Refused, Row, Unreadable
from orchestration.connectors.contract_rows import account
from orchestration.connectors.fields import (
    Node,
    array,
    maybe_count,
    maybe_flag,
    maybe_identity,
    maybe_moment,
    maybe_text,
    node,
    text,
)
from orchestration.connectors.hypertext import links_of
from orchestration.connectors.sites import address_of

NAME = "mastodon"

HINT = 0.6
"""Confidence of a page that links back to the account: a company's page may vouch for several people."""

FIELDS = {
    "Account": {
        "acct": "string", "display_name": "string", "created_at": "string", "followers_count": "integer",
        "following_count": "integer", "statuses_count": "integer", "bot": "boolean", "fields": "array",
        "id": "string",
    },
    "Field": {"value": "string", "verified_at": "string"},
}  # fmt: skip
"""What is read of an account, by the published description's names and types."""


def domain_of(answer: Answer) -> str:
    """The domain of the server's own accounts; where nobody asked for it, the host that answered."""
    return (answer.about.get("domain") or urlsplit(answer.url).netloc.rpartition("@")[2]).lower()


def qualified(acct: str, domain: str) -> str:
    """`user@host` in lower case, as every server knows the account: its own people it calls `user` alone."""
    name = acct.strip().lstrip("@").lower()
    if not name:
        raise Unreadable("null_required", "acct")
    return name if "@" in name else f"{name}@{domain}"


def account_id(profile: Node, domain: str) -> str:
    """The id of an account, or of one that a post names."""
    return qualified(text(profile, "acct"), domain)


def profile_rows(profile: Node, answer: Answer) -> Iterator[Row | Refused]:
    """A snapshot of an account, and a hint for each page that it has proved to be its own."""
    known = account_id(profile, domain_of(answer))
    yield account(
        NAME,
        known,
        known,
        answer.received_at,
        display_name=maybe_text(profile, "display_name"),
        created_at=_opened(profile),
        followers=_count(profile, "followers_count"),
        following=_count(profile, "following_count"),
        posts=_count(profile, "statuses_count"),
        is_automated=maybe_flag(profile, "bot"),
    )
    for value in array(profile, "fields"):
        field = node(value, "fields")
        proved_at, page = maybe_moment(field, "verified_at"), proved_page(field)
        if proved_at is None or page is None:
            continue
        hint = {
            "network": NAME,
            "account_id": known,
            "person_key": f"web:{page}",
            "share": 1.0,
            "confidence": HINT,
            "method": "rel_me",
            "observed_at": proved_at,
        }
        yield Row("identity_links", hint)


def proved_page(field: Node) -> str | None:
    """The address that a field of a profile links to, without its scheme."""
    value = maybe_text(field, "value") or ""
    return address_of(next(iter(links_of(value)), value)) if "/" in value else None


def local_id(profile: Node) -> str | None:
    """The id that this server alone uses for the account."""
    return maybe_identity(profile, "id")


def _opened(profile: Node) -> datetime | None:
    opened = maybe_moment(profile, "created_at")
    # Some servers give 1970 for accounts of which they do not know it: that would be the oldest of all.
    return opened if opened and opened.timestamp() > 0 else None


def _count(profile: Node, name: str) -> int | None:
    # Servers that let people hide a number give -1 for it.
    return None if profile.get(name) == -1 else maybe_count(profile, name)
