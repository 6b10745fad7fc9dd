"""WordPress's answers made into rows, and what of them may be stored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.contract_rows import account, accounts_once, activity, topics_of
from orchestration.connectors.fields import (
    Node,
    array,
    each,
    identity,
    maybe_count,
    maybe_identity,
    maybe_node,
    maybe_text,
    moment,
    node,
    text,
    whole,
)
from orchestration.connectors.hypertext import as_html, text_of
from orchestration.connectors.sites import address_of, host_of
from orchestration.connectors.storing import storable

FIELDS: Mapping[str, Mapping[str, str]] = {
    "posts": {
        "id": "integer", "author": "integer", "date_gmt": "string", "status": "string", "title": "object",
        "content": "object", "excerpt": "object",
    },
    "comments": {
        "id": "integer", "post": "integer", "parent": "integer", "author": "integer", "author_name": "string",
        "author_url": "string", "date_gmt": "string", "status": "string", "type": "string",
    },
    "users": {"id": "integer", "slug": "string", "name": "string"},
}  # fmt: skip
"""What the mapping reads of each route, with its type in the service's own schema."""

_PUBLIC = frozenset({"publish", "approve", "approved"})
_REPLIES = frozenset({"comment", "review", ""})
_CLAIMED_MENTIONS = frozenset({"trackback"})
_PROVED_MENTIONS = frozenset({"pingback", "webmention"})
_TOPIC_TAXONOMIES = frozenset({"post_tag"})
# The picture's address is a hash of the e-mail address.
_NEVER_KEPT = frozenset(
    {"author_avatar_urls", "avatar_urls", "author_email", "author_ip", "author_user_agent", "email",
     "password", "first_name", "last_name", "nickname", "meta"}
)  # fmt: skip


def rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    """The contract rows in an answer. Pure, and raises for no body whatever."""
    yield from accounts_once(whole(answer, lambda: _rows(answer, reading)))


def _rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    site = _site(answer)
    if answer.endpoint == "root":
        said = node(answer.json(), "root")
        name = text_of(maybe_text(said, "name") or "") or None
        yield account("wordpress", site, site, answer.received_at, display_name=name)
        return
    readers: Mapping[str, Callable[[Node], Iterator[Row | Refused]]] = {
        "posts": lambda item: _post(item, site, answer, reading),
        "comments": lambda item: _comment(item, site, answer, reading),
        "users": lambda item: iter([_user(item, site, answer)]),
    }
    if read := readers.get(answer.endpoint):
        body = answer.json()
        # One post, asked for by its id, is an object.
        items = [body] if isinstance(body, dict) else array({"answer": body}, "answer")
        yield from each(answer, answer.endpoint, items, read)


def kept(answer: Answer, reduce: Callable[[str], str]) -> Answer:
    """The answer as it may be stored: texts reduced, without e-mail addresses and what is made of them."""

    def reduced(markup: str) -> str:
        return as_html(reduce(text_of(markup)))

    return storable(
        answer, reduced, texts=("rendered", "raw", "description"), dropped=_NEVER_KEPT, private=_is_private
    )


def _is_private(item: Mapping[str, Any]) -> bool:
    """Not published, or behind a password. Errors have a number as their status."""
    status, content = item.get("status"), item.get("content")
    hidden = isinstance(status, str) and status not in _PUBLIC
    return hidden or (isinstance(content, dict) and content.get("protected") is True)


def _site(answer: Answer) -> str:
    """The blog that answered: as it was asked, or as the address of the call tells."""
    if site := answer.about.get("site"):
        return site
    address = address_of(answer.url)
    if address is None:
        raise Unreadable("missing_column", f"{answer.endpoint}: which blog answered is not known")
    return address.partition("/wp-json")[0]


def _post(item: Node, site: str, answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    if _is_private(item):
        return
    yield from _authors(item, site, answer)
    at = _gmt(item, "date_gmt")
    if not reading.covers(at):
        return
    terms = [term for terms in _embedded(item, "wp:term") if isinstance(terms, list) for term in terms]
    named = [(maybe_text(term, "taxonomy"), text(term, "name")) for term in terms if isinstance(term, dict)]
    # A tag is a topic of its own; a category ("News") only where the taxonomy knows the word.
    tags = [text_of(name) for taxonomy, name in named if taxonomy in _TOPIC_TAXONOMIES]
    words = [text_of(name) for taxonomy, name in named if taxonomy == "category"]
    texts = [text_of(maybe_text(item, field, "rendered") or "") for field in ("title", "content", "excerpt")]
    content = f"{site}/p{identity(item, 'id')}"
    yield activity(
        "wordpress", "post", content,
        actor=_author(item, site), at=at, content=content, topics=topics_of(reading, [*texts, *words], tags),
    )  # fmt: skip


def _comment(item: Node, site: str, answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    if _is_private(item):
        return
    kind = maybe_text(item, "type") or ""
    if kind not in _REPLIES | _CLAIMED_MENTIONS | _PROVED_MENTIONS:
        raise Unreadable("not_in_set", "type is none that we know")
    actor, known = _writer(item, site, answer)
    yield from _authors(item, site, answer)
    if known is not None:
        yield known
    at = _gmt(item, "date_gmt")
    if not reading.covers(at):
        return
    own = f"{site}/c{identity(item, 'id')}"
    post = _one(item, "up")
    if kind not in _REPLIES:
        yield activity("wordpress", "mention", own, actor=actor, at=at, target=_author(post, site))
        return
    parent = maybe_count(item, "parent") or 0
    if parent:
        content, target = f"{site}/c{parent}", _writer(_one(item, "in-reply-to"), site, answer)[0]
    else:
        content, target = f"{site}/p{identity(item, 'post')}", _author(post, site)
    yield activity("wordpress", "reply", own, actor=actor, at=at, target=target, content=content)


def _author(item: Node, site: str) -> str:
    """Who wrote a post. A post whose user is gone says 0."""
    author = maybe_identity(item, "author")
    if author in (None, "0"):
        raise Unreadable("null_required", "author of the post")
    return f"{site}/u{author}"


def _writer(item: Node, site: str, answer: Answer) -> tuple[str, Row | None]:
    """Who wrote a comment, and a snapshot of him where the comment alone tells of him."""
    author = maybe_identity(item, "author")
    name = text_of(maybe_text(item, "author_name") or "")
    # A name with an at sign is an e-mail address that slipped in.
    shown = name if name and "@" not in name else None
    if author not in (None, "0"):
        own = f"{site}/u{author}"
        listed = any(isinstance(user, dict) and "slug" in user for user in _embedded(item, "author"))
        return own, None if listed else account("wordpress", own, own, answer.received_at, display_name=shown)
    url = maybe_text(item, "author_url") or ""
    if maybe_text(item, "type") in _PROVED_MENTIONS and (host := host_of(url)):
        return host, account("wordpress", host, host, answer.received_at)
    if "://" in url and (address := address_of(url)):
        guest = address
    elif name:
        guest = f"{site}:{hashlib.sha256(name.casefold().encode()).hexdigest()[:16]}"
    else:
        raise Unreadable("null_required", "author of the comment")
    return f"guest:{guest}", account(
        "wordpress", f"guest:{guest}", f"guest:{guest}", answer.received_at, display_name=shown
    )


def _authors(item: Node, site: str, answer: Answer) -> Iterator[Row]:
    """The users that came along. Where one is closed to us, an error stands in his place."""
    for user in _embedded(item, "author"):
        if isinstance(user, dict) and "slug" in user:
            yield _user(user, site, answer)


def _user(item: Node, site: str, answer: Answer) -> Row:
    name = text_of(maybe_text(item, "name") or "")
    return account(
        "wordpress", f"{site}/u{identity(item, 'id')}", f"{site}/{text(item, 'slug')}", answer.received_at,
        display_name=name if name and "@" not in name else None,
    )  # fmt: skip


def _embedded(item: Node, relation: str) -> list[Any]:
    return array(maybe_node(item, "_embedded"), relation)


def _one(item: Node, relation: str) -> Node:
    """What a comment answers; null_required where it is gone or closed to us."""
    found = _embedded(item, relation)
    if not found or not isinstance(found[0], dict) or "id" not in found[0]:
        raise Unreadable("null_required", f"_embedded.{relation}")
    return found[0]


def _gmt(item: Node, name: str) -> datetime:
    """A moment that WordPress writes in UTC without saying so."""
    stamp = text(item, name)
    return moment({name: stamp if stamp[-1] in "Zz" or "+" in stamp else f"{stamp}+00:00"}, name)
