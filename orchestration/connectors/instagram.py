"""Instagram: business and creator accounts over the Graph API. Their media, and the comments on them.

The token is Facebook's. Others' business accounts are seen through `business_discovery`: their profile and
media, not who comments there. Likes are counts without names, and so are no activity.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from orchestration.connectors import graph_api
from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.client import Client
from orchestration.connectors.contract_rows import account, accounts_once, activity, reacted_to, topics_of
from orchestration.connectors.fields import (
    Node,
    a_node,
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
from orchestration.connectors.graph_api import author, base_url, credentials
from orchestration.connectors.network import Asked, Network

__all__ = ["FIELDS", "NETWORK", "check", "credentials", "kept", "pull", "rows"]

NETWORK = Network(
    name="instagram",
    base_url=base_url,
    page="https://developers.facebook.com/docs/instagram-platform/",
    needs=("facebook_token",),
    optional=("facebook_version",),
    meant=graph_api.meant,
    history="media of the last 90 days, of the last 10,000 that the service shows",
    blind="who likes, followers by name, personal accounts, comments on others' media",
    proof="recorded answers",
)

FIELDS: Mapping[str, Mapping[str, str]] = {}
"""The Graph API has no machine-readable description."""

_USER = "id,username,name,followers_count,follows_count,media_count"
_MEDIA = "id,caption,timestamp,username,owner"
_COMMENT = "id,text,timestamp,from{id,username},hidden"
_NAME = re.compile(r"[A-Za-z0-9._]{1,30}")


# --- asking ---------------------------------------------------------------------------------------


def pull(client: Client, asked: Asked) -> None:
    """The business accounts of the token's pages, with comments; those of the watch list without."""
    own: list[str] = []
    with client.apart("pages of this token"):
        fields = {"fields": f"instagram_business_account{{{_USER}}}"}
        for answer in graph_api.pages(client, "owned", "me/accounts", fields, {}):
            own += _owned(answer)
    for user in dict.fromkeys(own):
        _pull_media(client, user, asked)
    for watched in asked.accounts:
        name = watched.handle or ""
        if own and watched.origin != "reacted" and _NAME.fullmatch(name):
            _discover(client, own[0], name, asked)


def check(client: Client) -> str:
    """How many business accounts the token reaches."""
    fields = {"fields": "instagram_business_account{id,username}"}
    names = _owned(client.get("owned", "me/accounts", fields))
    return f"{len(names)} business accounts"


def _pull_media(client: Client, user: str, asked: Asked) -> None:
    params = {"fields": _MEDIA, **graph_api.in_window(asked)}
    with client.apart(f"media of {user}"):
        for answer in graph_api.pages(client, "media", f"{user}/media", params, {"account_id": user}):
            for media in graph_api.ids(answer):
                about = {"content_id": media, "account_id": user}
                with client.apart(f"comments on {media}"):
                    fields = {"fields": f"{_COMMENT},replies{{{_COMMENT}}}"}
                    for _ in graph_api.pages(client, "media_comments", f"{media}/comments", fields, about):
                        pass


def _discover(client: Client, asking: str, name: str, asked: Asked) -> None:
    """Another business account and its newest media; what it posts beyond these on one day is not seen."""
    media = f"media.limit({graph_api.PAGE}){{id,caption,timestamp}}"
    fields = f"business_discovery.username({name}){{{_USER},{media}}}"
    with client.apart(f"account {name}"):
        client.get("discovery", asking, {"fields": fields})


def _owned(answer: Answer) -> list[str]:
    accounts = [item.get("instagram_business_account") for item in graph_api.objects(answer)]
    return [a["id"] for a in accounts if isinstance(a, dict) and isinstance(a.get("id"), str)]


# --- reading --------------------------------------------------------------------------------------


def rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    """The contract rows in an answer. Pure, and raises for no body whatever."""
    yield from accounts_once(whole(answer, lambda: _rows(answer, reading)))


def _rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    if answer.endpoint == "discovery":
        found = a_node(node(answer.json(), "answer"), "business_discovery")
        # A second page of media does not repeat whose they are.
        owner = maybe_identity(found, "id") or answer.about.get("account_id")
        if maybe_text(found, "username") is not None:
            yield _user(found, answer)
        yield from each(
            answer, "media", array(maybe_node(found, "media"), "data"), lambda m: _media(m, owner, reading)
        )
        return
    readers: Mapping[str, Callable[[Node], Iterator[Row | Refused]]] = {
        "user": lambda item: iter([_user(item, answer)]),
        "owned": lambda item: _owner(item, answer),
        "media": lambda item: _media(item, answer.about.get("account_id"), reading),
        "media_comments": lambda item: _comment(item, answer, reading),
    }
    if read := readers.get(answer.endpoint):
        yield from each(answer, answer.endpoint, graph_api.items(answer), read)


def kept(answer: Answer, reduce: Callable[[str], str]) -> Answer:
    """The answer as it may be stored: texts reduced; without tokens, pictures and what is hidden."""
    return graph_api.storable_graph(answer, reduce, _is_private)


def _is_private(item: Mapping[str, Any]) -> bool:
    """A comment that the account hides."""
    return item.get("hidden") is True


def _owner(item: Node, answer: Answer) -> Iterator[Row | Refused]:
    """The business account of a page; many pages have none."""
    if user := maybe_node(item, "instagram_business_account"):
        yield _user(user, answer)


def _user(item: Node, answer: Answer) -> Row:
    return account(
        "instagram", identity(item, "id"), text(item, "username"), answer.received_at,
        display_name=maybe_text(item, "name"),
        followers=maybe_count(item, "followers_count"),
        following=maybe_count(item, "follows_count"),
        posts=maybe_count(item, "media_count"),
    )  # fmt: skip


def _media(item: Node, asked_about: str | None, reading: Reading) -> Iterator[Row | Refused]:
    own, at = identity(item, "id"), moment(item, "timestamp")
    if not reading.covers(at):
        return
    actor = maybe_identity(maybe_node(item, "owner"), "id") or asked_about
    if actor is None:
        raise Unreadable("null_required", "owner")
    topics = topics_of(reading, [maybe_text(item, "caption")])
    yield activity("instagram", "post", own, actor=actor, at=at, content=own, topics=topics)


def _comment(item: Node, answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    content, target = reacted_to(answer)
    if _is_private(item):
        return
    yield from each(answer, "comment", [item], lambda own: _reply(own, content, target, answer, reading))
    # A reply's own author may be named where the comment's is not, and then it answers nobody we know.
    answered = maybe_identity(maybe_node(item, "from"), "id")
    yield from each(
        answer,
        "replies",
        array(maybe_node(item, "replies"), "data"),
        lambda reply: _reply(reply, identity(item, "id"), answered, answer, reading),
    )


def _reply(
    item: Node, content: str, target: str | None, answer: Answer, reading: Reading
) -> Iterator[Row | Refused]:
    if _is_private(item):
        return
    own, at = identity(item, "id"), moment(item, "timestamp")
    if not reading.covers(at):
        return
    person = author(item)
    if target is None:
        raise Unreadable("null_required", "from of the comment that was answered")
    actor = text(person, "id")
    name = maybe_text(person, "username")
    # Of the account itself more is known than its name.
    if name and actor != answer.about.get("account_id"):
        yield account("instagram", actor, name, answer.received_at)
    yield activity("instagram", "reply", own, actor=actor, at=at, target=target, content=content)
