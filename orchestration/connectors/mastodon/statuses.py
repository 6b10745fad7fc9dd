"""Posts of servers that speak Mastodon's API: what was posted, answered, quoted and passed on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.contract_rows import activity, topics_of
from orchestration.connectors.fields import (
    Node,
    array,
    each,
    identity,
    maybe_identity,
    maybe_text,
    message,
    moment,
    node,
    text,
    whole,
)
from orchestration.connectors.hypertext import text_of
from orchestration.connectors.mastodon.profiles import NAME, account_id, domain_of, local_id, profile_rows
from orchestration.connectors.replies import Reply, Told, reply_row

PUBLIC = frozenset({"public", "unlisted"})
"""Visibilities of posts that anybody may read. All others are private here, also those we do not know."""

FIELDS = {
    "Status": {
        "id": "string", "uri": "string", "url": "string", "created_at": "string", "visibility": "string",
        "account": "object", "content": "string", "spoiler_text": "string", "tags": "array",
        "mentions": "array",
        "in_reply_to_id": "string", "in_reply_to_account_id": "string", "reblog": "object", "quote": "object",
        "replies_count": "integer", "reblogs_count": "integer", "favourites_count": "integer",
        "quotes_count": "integer",
    },
    "Context": {"ancestors": "array", "descendants": "array"},
    "StatusMention": {"id": "string", "acct": "string"},
    "StatusTag": {"name": "string"},
    "Quote": {"state": "string", "quoted_status": "object"},
    "ShallowQuote": {"state": "string", "quoted_status_id": "string"},
}  # fmt: skip
"""What is read of a post, by the published description's names and types."""

UNSAID = "in_reply_to_account_id"
"""The field that a reply lacks which does not say whom it answers."""

_DEEPEST = 4


@dataclass(frozen=True)
class Page:
    """Posts of one answer and what they tell of each other, by the server's own ids of posts and accounts."""

    answer: Answer
    posts: Mapping[str, Told] = field(default_factory=dict)
    accounts: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, answer: Answer, statuses: Iterable[object], known: Mapping[str, Told] | None = None) -> Page:
        posts, accounts = dict(known or {}), {}
        domain = domain_of(answer)
        for status in (part for one in statuses for part in spread(one)):
            try:
                if not is_public(status):
                    continue
                author = node(status.get("account"), "account")
                profiles = [author, *(node(named, "mentions") for named in array(status, "mentions"))]
                for profile in profiles:
                    if number := local_id(profile):
                        accounts[number] = account_id(profile, domain)
                number = maybe_identity(status, "id")
                if number and status.get("reblog") is None:  # nothing is about passing on, but about the post
                    posts[number] = Told(content_id(status, domain), account_id(author, domain))
            except Unreadable:
                continue  # refused where its own row is made
        return cls(answer, posts, accounts)

    @property
    def domain(self) -> str:
        return domain_of(self.answer)


def is_public(status: Node) -> bool:
    """Whether anybody may read it, and what it passes on. Unreadable where the server does not say."""
    visibility = status.get("visibility")
    if not isinstance(visibility, str):
        raise Unreadable("null_required", "visibility")
    return not is_withheld(status) and not is_withheld(status.get("reblog"))


def is_withheld(status: object) -> bool:
    """Whether a server says that not everybody may read it."""
    visibility = status.get("visibility") if isinstance(status, dict) else None
    return isinstance(visibility, str) and visibility not in PUBLIC


def content_id(status: Node, domain: str) -> str:
    """The address by which all servers know a post; its number on this one where there is none."""
    return maybe_text(status, "uri") or maybe_text(status, "url") or f"{domain}/{identity(status, 'id')}"


def spread(status: object, depth: int = _DEEPEST) -> Iterator[Node]:
    """A post, then what it passes on or quotes, if that stands in it."""
    if not isinstance(status, dict) or depth == 0:
        return
    yield status
    if not isinstance(status.get("visibility"), str) or not is_public(status):
        return
    for inner in (status.get("reblog"), quoted(status)):
        yield from spread(inner, depth - 1)


def quoted(status: Node) -> object:
    """The post that is quoted: in a frame that says whether its author agreed or, on some servers, bare."""
    frame = status.get("quote")
    if not isinstance(frame, dict):
        return None
    if "state" not in frame:
        return frame if "account" in frame else None
    return frame.get("quoted_status") if frame.get("state") == "accepted" else None


def status_rows(
    answer: Answer,
    reading: Reading,
    statuses: Iterable[object],
    known: Mapping[str, Told] | None = None,
    *,
    parents_asked: bool = False,
) -> Iterator[Row | Refused]:
    """The rows of posts. `known`: posts that the answer itself does not hold, by the server's number.

    `parents_asked`: a reply whose parent is not among them is left to the answer about that parent.
    """
    listed = list(statuses)
    page = Page.of(answer, listed, known)

    def read(status: Node) -> Iterator[Row | Refused]:
        for part in spread(status):
            yield from whole(answer, lambda part=part: _one(part, page, reading, parents_asked))  # type: ignore[misc]

    yield from each(answer, "status", listed, read)


def unresolved(
    answer: Answer, statuses: Iterable[object], since: datetime, until: datetime
) -> Iterator[Reply]:
    """The replies that `status_rows` leaves to the answers about their parents."""
    listed = list(statuses)
    page = Page.of(answer, listed)
    for status in (part for one in listed for part in spread(one)):
        try:
            parent = maybe_identity(status, "in_reply_to_id")
            at = moment(status, "created_at")
            if parent is None or parent in page.posts or status.get("reblog") is not None:
                continue
            if not is_public(status) or not since <= at < until:
                continue
            yield _reply(status, at, page, parent)
        except Unreadable:
            continue  # refused where its own row is made


def _one(status: Node, page: Page, reading: Reading, parents_asked: bool) -> Iterator[Row | Refused]:
    if not is_public(status):
        return
    author = node(status.get("account"), "account")
    yield from whole(page.answer, lambda: profile_rows(author, page.answer))
    at = moment(status, "created_at")
    if not reading.covers(at):
        return
    actor = account_id(author, page.domain)
    if status.get("reblog") is not None:
        yield from _repost(node(status.get("reblog"), "reblog"), page, actor, at)
        return
    content = content_id(status, page.domain)
    parent = maybe_identity(status, "in_reply_to_id")
    # A deleted parent's number is gone from its replies, its author's is not.
    answers = parent or maybe_identity(status, "in_reply_to_account_id")
    cited = _quoted_by(status, page)
    target: str | None = None
    if answers is not None:
        told, reply = page.posts.get(parent or ""), _reply(status, at, page, parent or "")
        target = told.author if told else reply.target
        if told is not None or parent is None or not parents_asked:
            unnamed = f"{page.domain}/{parent}" if parent else None
            yield from whole(
                page.answer, lambda: iter([reply_row(NAME, reply, told, unnamed=unnamed, unsaid=UNSAID)])
            )
    elif cited is None:
        topics = _topics(status, reading)
        yield activity(NAME, "post", content, actor=actor, at=at, content=content, topics=topics)
    if cited is not None:
        # A post is one thing, so that what also answers is known by its answer.
        made = content if answers is None else f"quote:{cited.content}:{content}"
        yield activity(NAME, "quote", made, actor=actor, at=at, target=cited.author, content=cited.content)
    reached = {actor, target, cited.author if cited else None}
    for value in array(status, "mentions"):
        yield from whole(
            page.answer,
            lambda value=value: _mention(value, status, page, reading, (content, actor, at), reached),  # type: ignore[misc]
        )


def _repost(passed_on: Node, page: Page, actor: str, at: datetime) -> Iterator[Row]:
    if is_public(passed_on):
        content = content_id(passed_on, page.domain)
        author = account_id(node(passed_on.get("account"), "account"), page.domain)
        # Lists of who passed a post on have no ids of their own: so both name the same row.
        made = f"repost:{content}:{actor}"
        yield activity(NAME, "repost", made, actor=actor, at=at, target=author, content=content)


def _mention(
    value: object,
    status: Node,
    page: Page,
    reading: Reading,
    of: tuple[str, str, datetime],
    reached: Collection[str | None],
) -> Iterator[Row]:
    """An account that is named, unless the post reaches it anyway."""
    content, actor, at = of
    named = account_id(node(value, "mentions"), page.domain)
    if named not in reached:
        made, topics = f"mention:{content}:{named}", _topics(status, reading)
        yield activity(NAME, "mention", made, actor=actor, at=at, target=named, topics=topics)


def _quoted_by(status: Node, page: Page) -> Told | None:
    """What a post quotes, if its author agreed and anybody may read it."""
    cited = quoted(status)
    if isinstance(cited, dict):
        if not is_public(cited):
            return None
        author = account_id(node(cited.get("account"), "account"), page.domain)
        return Told(content_id(cited, page.domain), author)
    frame = status.get("quote")
    if isinstance(frame, dict) and frame.get("state") == "accepted":
        return page.posts.get(maybe_identity(frame, "quoted_status_id") or "")
    return None


def _reply(status: Node, at: datetime, page: Page, parent: str) -> Reply:
    actor = account_id(node(status.get("account"), "account"), page.domain)
    return Reply(content_id(status, page.domain), actor, at, _replied_to(status, page), parent)


def _replied_to(status: Node, page: Page) -> str | None:
    """Whose post was answered, where the answer names that account: the author itself, or one mentioned."""
    return page.accounts.get(maybe_identity(status, "in_reply_to_account_id") or "")


def _topics(status: Node, reading: Reading) -> list[str]:
    tags = [text(node(tag, "tags"), "name") for tag in array(status, "tags")]
    texts = [text_of(message(status, name)) for name in ("spoiler_text", "content")]
    return topics_of(reading, texts, tags)
