"""hackernews: stories and comments of Hacker News, through its search (Algolia) and, for users, its own API.

Points are anonymous there, so what counts is who answers whom. A comment that a search finds does not say
whom it answers: whole threads do, and so every thread in which a watched account took part is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from dlt.sources.helpers.rest_client.paginators import PageNumberPaginator

from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.client import AnswerError, Client
from orchestration.connectors.contract_rows import account, activity, deletion, once, topics_of
from orchestration.connectors.fields import (
    Node,
    array,
    each,
    identity,
    maybe_count,
    maybe_identity,
    maybe_moment,
    maybe_text,
    message,
    node,
    text,
    whole,
)
from orchestration.connectors.hypertext import as_html, text_of
from orchestration.connectors.network import Asked, Network
from orchestration.connectors.storing import storable

NAME = "hackernews"

NETWORK = Network(
    name=NAME,
    base_url=lambda settings: settings.hackernews_url,
    optional=("hackernews_url", "hackernews_users_url"),
    page="https://hn.algolia.com/api",
    history="everything since 2006",
    blind="points, which are anonymous; what was flagged or killed; who follows whom, which nobody can",
    proof="recorded answers",
    gone=(404, 410),
)

_AT_ONCE = 500
_TEXTS = frozenset({"title", "text", "story_text", "comment_text", "story_title", "about", "query"})
_DROPPED = frozenset({"_highlightResult", "url", "story_url", "submitted", "params"})


@dataclass(frozen=True)
class Told:
    """An item and its author, who is None where the item was deleted."""

    content: str
    author: str | None


# --- asking ---------------------------------------------------------------------------------------


def pull(client: Client, asked: Asked) -> None:
    """Profiles, what the accounts wrote, and the threads of it."""
    base, users = asked.settings.hackernews_url.rstrip("/"), asked.settings.hackernews_users_url.rstrip("/")
    names = dict.fromkeys(
        (watched.account_id or watched.handle or "").strip().lstrip("@") for watched in asked.accounts
    )
    threads: dict[str, list[str]] = {}
    for name in filter(None, names):
        with client.apart(f"account {name}"):
            for page in _written(client, asked, base, name):
                for thread, comment in _threads(page, asked):
                    threads.setdefault(thread, []).extend(comment)
        with client.apart(f"profile of {name}"):
            client.get("user", f"{users}/user/{quote(name, safe='')}.json")
    for thread, comments in threads.items():
        with client.apart(f"thread {thread}"):
            about = {"comments": " ".join(dict.fromkeys(comments))}
            client.get("item", f"{base}/items/{thread}", about=about)


def check(client: Client) -> str:
    """How much there is to search."""
    said = node(client.get("search", "search_by_date", {"hitsPerPage": 1}).json(), "search")
    return f"{maybe_count(said, 'nbHits') or 0:,} items"


def _written(client: Client, asked: Asked, base: str, name: str) -> Iterator[Answer]:
    oldest = asked.since - timedelta(days=asked.reaction_days)
    filters = [f"created_at_i>={oldest.timestamp():.0f}", f"created_at_i<{asked.until.timestamp():.0f}"]
    yield from client.pages(
        "search",
        f"{base}/search_by_date",
        {
            "tags": f"author_{name},(story,comment,poll,job)",
            "numericFilters": ",".join(filters),
            "hitsPerPage": _AT_ONCE,
        },
        {"threads": "asked"},
        PageNumberPaginator(base_page=0, page_param="page", total_path="nbPages"),
        items="hits",
    )


def _threads(page: Answer, asked: Asked) -> Iterator[tuple[str, list[str]]]:
    """The stories that the items of a page stand under, and the comments that wait for what these say."""
    try:
        hits = array(node(page.json(), "search"), "hits")
    except Unreadable as problem:
        raise AnswerError(f"the search cannot be read: {problem}", page) from None
    for value in hits:
        try:
            hit = node(value, "hits")
            number, waits = identity(hit, "objectID"), list[str]()
            story: str | None = number
            if _is_comment(hit):
                story = maybe_identity(hit, "story_id") or maybe_identity(hit, "parent_id")
                waits = [number] if asked.since <= _when(hit) < asked.until else []
            if story and story.isdigit():
                yield story, waits
        except Unreadable:
            continue  # refused where its row is made


# --- reading --------------------------------------------------------------------------------------


def rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    """The contract rows in an answer."""
    yield from once(whole(answer, lambda: _rows(answer, reading)))


def kept(answer: Answer, reduce: Callable[[str], str]) -> Answer:
    """The answer as it may be stored."""
    return storable(answer, lambda told: as_html(reduce(text_of(told))), texts=_TEXTS, dropped=_DROPPED)


def _rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    if not answer.ok:
        for _ in answer.about.get("comments", "").split():
            yield Refused("null_required", f"{answer.endpoint}: the thread of a comment is gone")
        return
    body = answer.json()
    if answer.endpoint == "search":
        yield from _hits(answer, array(node(body, "search"), "hits"), reading)
    elif answer.endpoint == "item":
        yield from _thread(answer, body, reading)
    elif answer.endpoint == "user" and body is not None:  # null is how it says that there is no such user
        yield from _profile(node(body, "user"), answer)


def _hits(answer: Answer, hits: list[Any], reading: Reading) -> Iterator[Row | Refused]:
    authors = {}
    for value in hits:
        try:
            hit = node(value, "hits")
            authors[identity(hit, "objectID")] = text(hit, "author")
        except Unreadable:
            continue  # refused where its row is made

    def read(hit: Node) -> Iterator[Row | Refused]:
        actor, at = text(hit, "author"), _when(hit)
        yield account(NAME, actor, actor, answer.received_at)
        if not reading.covers(at):
            return
        if not _is_comment(hit):
            yield _post(hit, identity(hit, "objectID"), actor, at, "story_text", reading)
            return
        parent = identity(hit, "parent_id")
        if answer.about.get("threads") != "asked":
            if parent not in authors:
                raise Unreadable("null_required", "author of the item that was answered")
            yield _reply(identity(hit, "objectID"), actor, at, Told(parent, authors[parent]))

    yield from each(answer, "hits", hits, read)


def _thread(answer: Answer, root: Any, reading: Reading) -> Iterator[Row | Refused]:
    """An item and all that was said under it. A stack, because threads are deep."""
    todo: list[tuple[Any, Told | None]] = [(root, None)]
    while todo:
        value, parent = todo.pop()
        yield from whole(answer, lambda v=value, p=parent: _item(v, p, answer, reading))  # type: ignore[misc]
        if not isinstance(value, dict):
            continue
        try:
            here = Told(identity(value, "id"), maybe_text(value, "author"))
            todo.extend((child, here) for child in reversed(array(value, "children")))
        except Unreadable as problem:
            if value.get("children"):
                yield Refused(problem.reason, f"{answer.endpoint}: what stands under {problem.detail}")


def _item(value: Any, parent: Told | None, answer: Answer, reading: Reading) -> Iterator[Row]:
    item = node(value, "item")
    content, actor, at = identity(item, "id"), maybe_text(item, "author"), _when(item)
    if not actor:
        yield deletion(NAME, content, answer.received_at)
        return
    yield account(NAME, actor, actor, answer.received_at)
    if not reading.covers(at):
        return
    if maybe_text(item, "type") == "pollopt":
        return  # a choice of a poll is part of that
    if parent is None and maybe_identity(item, "parent_id") is None:
        yield _post(item, content, actor, at, "text", reading)
    elif parent is None or parent.author is None:
        raise Unreadable("null_required", "author of the item that was answered")
    else:
        yield _reply(content, actor, at, parent)


def _profile(user: Node, answer: Answer) -> Iterator[Row]:
    """A user, as Hacker News itself or its search describes it."""
    name = maybe_text(user, "username") or text(user, "id")
    opened = maybe_moment(user, "created_at") or _epoch(user, "created")
    yield account(NAME, name, name, answer.received_at, created_at=opened)


def _post(item: Node, content: str, actor: str, at: datetime, body: str, reading: Reading) -> Row:
    texts = [text_of(message(item, name)) for name in ("title", body)]
    topics = topics_of(reading, texts)
    return activity(NAME, "post", content, actor=actor, at=at, content=content, topics=topics)


def _reply(content: str, actor: str, at: datetime, parent: Told) -> Row:
    return activity(NAME, "reply", content, actor=actor, at=at, target=parent.author, content=parent.content)


def _is_comment(hit: Node) -> bool:
    return hit.get("parent_id") is not None


def _when(item: Node) -> datetime:
    found = _epoch(item, "created_at_i") or maybe_moment(item, "created_at")
    if found is None:
        raise Unreadable("null_required", "created_at_i")
    return found


def _epoch(item: Node, name: str) -> datetime | None:
    seconds = maybe_count(item, name)
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise Unreadable("out_of_range", name) from None


__all__ = ["NETWORK", "check", "kept", "pull", "rows"]
