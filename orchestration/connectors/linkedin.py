"""LinkedIn: an organisation's posts, and the comments and reactions on them, over the versioned REST API.

Ids are the service's own names, such as `urn:li:organization:7`. Members stay such a name: nobody may keep
their profiles. Every kind of reaction is a `like`: the score measures attention, not approval. A post is
called a share or ugcPost where it is listed and an activity by those who react: what was asked about counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from dlt.sources.helpers.rest_client.paginators import OffsetPaginator

from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.client import Client, ConnectorError
from orchestration.connectors.contract_rows import (
    account,
    accounts_once,
    activity,
    mentions,
    reacted_to,
    topics_of,
)
from orchestration.connectors.fields import (
    Node,
    a_node,
    array,
    each,
    identity,
    maybe_count,
    maybe_node,
    maybe_text,
    node,
    text,
    whole,
)
from orchestration.connectors.network import Asked, Credentials, Network
from orchestration.connectors.storing import storable
from orchestration.settings import Settings

NETWORK = Network(
    name="linkedin",
    base_url=lambda settings: f"{settings.linkedin_url}/rest",
    page="https://learn.microsoft.com/linkedin/marketing/community-management/",
    needs=("linkedin_token",),
    optional=("linkedin_organizations", "linkedin_version"),
    history="posts of the last 90 days, and reactions on those that are young enough",
    blind="members' own posts, their names, reactions to comments, who follows, whose post a reshare is of",
    proof="unproven",
)

FIELDS: Mapping[str, Mapping[str, str]] = {}
"""LinkedIn publishes no machine-readable description."""

_PAGE = 100
_ORGANIZATION = "urn:li:organization:"
# "@[Name](urn:li:organization:7)" names somebody, "{hashtag|\\#|word}" is a hashtag.
_NAMED = re.compile(r"@\[([^\[\]]*)\]\((urn:li:[A-Za-z]+:[A-Za-z0-9_-]+)\)")
_HASHTAG = re.compile(r"\{hashtag\|\\?[#\uff03]\|([^{}|]*)\}")
_ESCAPED = re.compile(r"\\([|{}@\[\]()<>#\\*_~])")
_URN = re.compile(r"urn:li:[A-Za-z]+:[A-Za-z0-9_-]+")
_NAMES = frozenset({"organization", "company", "person", "member", "organizationalEntity"})


# --- asking ---------------------------------------------------------------------------------------


def credentials(settings: Settings) -> Credentials:
    """The token, and the month of the API that is spoken. ConnectorError where there is none."""
    if settings.linkedin_token is None:
        raise ConnectorError("STATURE_LINKEDIN_TOKEN is not set: LinkedIn answers nobody without a token.")
    return Credentials(
        {
            "Authorization": f"Bearer {settings.linkedin_token.get_secret_value()}",
            "LinkedIn-Version": settings.linkedin_version,
            "X-Restli-Protocol-Version": "2.0.0",
        }
    )


def pull(client: Client, asked: Asked) -> None:
    """Each organisation of the settings, the watch list and the CRM's contacts."""
    stated = [a.account_id or a.handle or "" for a in asked.accounts if a.origin != "reacted"]
    for name in dict.fromkeys([*asked.settings.linkedin_organizations, *stated]):
        number = name.removeprefix(_ORGANIZATION)
        if number.isascii() and number.isdigit():
            with client.apart(f"organisation {number}"):
                _pull_organization(client, number, asked)


def check(client: Client) -> str:
    """The first organisation of the settings, by its name."""
    for name in client.settings.linkedin_organizations:
        said = _object(client.get("organization", f"organizations/{name.removeprefix(_ORGANIZATION)}"))
        return f"reads {said.get('localizedName') or name}"
    raise ConnectorError("STATURE_LINKEDIN_ORGANIZATIONS names no organisation to read.")


def _pull_organization(client: Client, number: str, asked: Asked) -> None:
    urn = f"{_ORGANIZATION}{number}"
    said = _object(client.get("organization", f"organizations/{number}", about={"account_id": urn}))
    names = (("handle", "vanityName"), ("display_name", "localizedName"))
    known = {key: said[field] for key, field in names if isinstance(said.get(field), str)}
    with client.apart(f"followers of organisation {number}"):
        client.get(
            "organization_followers", f"networkSizes/{_path(urn)}",
            {"edgeType": "COMPANY_FOLLOWED_BY_MEMBER"}, {"account_id": urn, **known},
        )  # fmt: skip
    oldest = asked.since - timedelta(days=asked.reaction_days)
    posts = client.pages(
        "posts", "posts", {"q": "author", "author": urn, "sortBy": "CREATED"}, {"account_id": urn},
        _pages(), stop=lambda answer: _all_before(answer, oldest), items="elements",
    )  # fmt: skip
    for answer in posts:
        for post in _elements_of(answer):
            if isinstance(post.get("id"), str) and not _is_private(post) and not _is_before(post, oldest):
                _pull_reactions(client, post["id"], urn)


def _pull_reactions(client: Client, post: str, author: str) -> None:
    about = {"content_id": post, "account_id": author}
    with client.apart(f"comments on {post}"):
        for answer in client.pages(
            "comments", f"socialActions/{_path(post)}/comments", {}, about, _pages(), items="elements"
        ):
            for comment in _elements_of(answer):
                _pull_answers(client, comment)
    with client.apart(f"reactions to {post}"):
        params = {"q": "entity", "sort": "(value:REVERSE_CHRONOLOGICAL)"}
        place = f"reactions/(entity:{_path(post)})"
        for _ in client.pages("reactions", place, params, about, _pages(), items="elements"):
            pass


def _pull_answers(client: Client, comment: dict[str, Any]) -> None:
    """The answers to a comment, where it has some."""
    summary = comment.get("commentsSummary")
    answers = summary.get("aggregatedTotalComments") if isinstance(summary, dict) else None
    try:
        own, actor = _comment_id(comment), text(comment, "actor")
    except Unreadable:
        return
    if answers:
        about = {"content_id": own, "account_id": actor}
        place = f"socialActions/{_path(own)}/comments"
        with client.apart(f"answers to {own}"):
            for _ in client.pages("comments", place, {}, about, _pages(), items="elements"):
                pass


def _pages() -> OffsetPaginator:
    # Pages may be short before the last one: only an empty one ends the list.
    return OffsetPaginator(
        limit=_PAGE, offset_param="start", limit_param="count", total_path=None, stop_after_empty_page=True
    )


def _path(urn: str) -> str:
    return quote(urn, safe="")


def _elements_of(answer: Answer) -> list[dict[str, Any]]:
    """What is to be asked for next; what cannot be read is the mapping's to refuse."""
    elements = _object(answer).get("elements")
    return [item for item in elements if isinstance(item, dict)] if isinstance(elements, list) else []


def _object(answer: Answer) -> dict[str, Any]:
    try:
        body = answer.json()
    except Unreadable:
        return {}
    return body if isinstance(body, dict) else {}


def _is_before(post: Node, moment: datetime) -> bool:
    created = post.get("createdAt")
    return isinstance(created, int) and created < moment.timestamp() * 1000


def _all_before(answer: Answer, moment: datetime) -> bool:
    """Whether a page, newest first, has nothing that is young enough."""
    posts = _elements_of(answer)
    return bool(posts) and all(_is_before(post, moment) for post in posts)


# --- reading --------------------------------------------------------------------------------------


def rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    """The contract rows in an answer. Pure, and raises for no body whatever."""
    yield from accounts_once(whole(answer, lambda: _rows(answer, reading)))


def _rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    readers: Mapping[str, Callable[[Node], Iterator[Row | Refused]]] = {
        "posts": lambda item: _post(item, reading),
        "comments": lambda item: _comment(item, answer, reading),
        "reactions": lambda item: _reaction(item, answer, reading),
    }
    if answer.endpoint == "organization":
        yield _organization(node(answer.json(), "answer"), answer)
    elif answer.endpoint == "organization_followers":
        yield _followers(node(answer.json(), "answer"), answer)
    elif read := readers.get(answer.endpoint):
        yield from each(answer, answer.endpoint, array(node(answer.json(), "answer"), "elements"), read)


def kept(answer: Answer, reduce: Callable[[str], str]) -> Answer:
    """The answer as it may be stored: texts reduced, but for whom they name; only what is public."""

    def reduced(markup: str) -> str:
        # Names are dropped, the names' ids stay: they are what a mention is.
        named = "".join(f" @[]({urn})" for urn in _named(markup))
        return f"{_escaped(reduce(_plain(markup)))}{named}".strip()

    texts = ("commentary", "text", "localizedDescription", "title", "description", "altText")
    return storable(
        answer, reduced, texts=texts, dropped={"content", "localizedSpecialties"}, private=_is_private
    )


def _is_private(item: Mapping[str, Any]) -> bool:
    """A post for some alone, or one that is not out or no longer."""
    visibility, state = item.get("visibility"), item.get("lifecycleState")
    hidden = isinstance(visibility, str) and visibility not in {"PUBLIC", "LOGGED_IN"}
    return hidden or (isinstance(state, str) and state != "PUBLISHED")


def _organization(item: Node, answer: Answer) -> Row:
    own = answer.about.get("account_id") or f"{_ORGANIZATION}{identity(item, 'id')}"
    return account(
        "linkedin", own, maybe_text(item, "vanityName") or own, answer.received_at,
        display_name=maybe_text(item, "localizedName"),
    )  # fmt: skip


def _followers(item: Node, answer: Answer) -> Row:
    own = answer.about.get("account_id")
    if own is None:
        raise Unreadable("missing_column", "the request does not say account_id")
    return account(
        "linkedin", own, answer.about.get("handle") or own, answer.received_at,
        display_name=answer.about.get("display_name"), followers=maybe_count(item, "firstDegreeSize"),
    )  # fmt: skip


def _post(item: Node, reading: Reading) -> Iterator[Row | Refused]:
    if _is_private(item):
        return
    own, actor = text(item, "id"), text(item, "author")
    at = _epoch(item, "publishedAt" if item.get("publishedAt") is not None else "createdAt")
    if not reading.covers(at):
        return
    if maybe_node(item, "reshareContext"):
        # The answer names the post that was passed on, and not whose it is.
        raise Unreadable("null_required", "author of reshareContext.parent")
    commentary = maybe_text(item, "commentary") or ""
    topics = topics_of(reading, [_plain(commentary)])
    yield activity("linkedin", "post", own, actor=actor, at=at, content=own, topics=topics)
    yield from mentions("linkedin", _named(commentary), own, actor=actor, at=at, topics=topics)


def _comment(item: Node, answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    own, actor, at = _comment_id(item), text(item, "actor"), _epoch(item, "created", "time")
    if not reading.covers(at):
        return
    content, target = reacted_to(answer)
    parent = maybe_text(item, "parentComment")
    if parent and parent != content:
        raise Unreadable("null_required", "actor of parentComment")
    yield activity("linkedin", "reply", own, actor=actor, at=at, target=target, content=content)
    yield from mentions("linkedin", _attributed(item), own, actor=actor, at=at, reached=(target,))


def _reaction(item: Node, answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    created = a_node(item, "created")
    actor, at = text(created, "actor"), _epoch(item, "created", "time")
    if not reading.covers(at):
        return
    content, target = reacted_to(answer)
    own = maybe_text(item, "id") or f"like:{content}:{actor}"
    yield activity("linkedin", "like", own, actor=actor, at=at, target=target, content=content)


def _comment_id(item: Node) -> str:
    """A comment's own name; older versions give its parts alone."""
    stated = maybe_text(item, "commentUrn") or maybe_text(item, "$URN")
    return stated or f"urn:li:comment:({text(item, 'object')},{identity(item, 'id')})"


def _named(commentary: str) -> list[str]:
    return list(dict.fromkeys(urn for _, urn in _NAMED.findall(commentary)))


def _attributed(comment: Node) -> list[str]:
    """Whom a comment names: each of its attributes holds one name, under the kind of account that it is."""
    values = [
        maybe_node(node(given, "attribute"), "value") for given in array(comment, "message", "attributes")
    ]
    held = [value.get(kind) for value in values for kind in _NAMES]
    # Some versions wrap the name in an object once more.
    found = [next(iter(v.values()), None) if isinstance(v, dict) and len(v) == 1 else v for v in held]
    return list(dict.fromkeys(urn for urn in found if isinstance(urn, str) and _URN.fullmatch(urn)))


def _plain(commentary: str) -> str:
    """The text without LinkedIn's marks: hashtags are `#word`, names of others are gone."""
    bare = _HASHTAG.sub(lambda tag: f" #{tag[1]} ", _NAMED.sub(" ", commentary))
    return " ".join(_ESCAPED.sub(r"\1", bare).split())


def _escaped(plain: str) -> str:
    """Text of which `_plain` gives the same text again."""
    return re.sub(r"([|{}@\[\]()<>\\*_~])", r"\\\1", plain)


def _epoch(item: Node, *path: str) -> datetime:
    """A moment that the service writes in milliseconds since 1970."""
    number = maybe_count(item, *path)
    if number is None:
        raise Unreadable("null_required", ".".join(path))
    try:
        return datetime.fromtimestamp(number / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        raise Unreadable("out_of_range", ".".join(path)) from None
