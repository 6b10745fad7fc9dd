"""Facebook: pages over the Graph API. Their posts, and the comments and reactions on them.

Every kind of reaction is a `like`: the score measures attention, not approval. The service names the people
behind comments and reactions only where they agreed to it; the others are refused as `null_required`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from orchestration.connectors import graph_api
from orchestration.connectors.answers import Answer, Reading, Refused, Row
from orchestration.connectors.client import Client
from orchestration.connectors.contract_rows import (
    account,
    accounts_once,
    activity,
    mentions,
    reacted_to,
    topics_of,
    undated,
)
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
    text,
    whole,
)
from orchestration.connectors.graph_api import author, base_url, credentials
from orchestration.connectors.network import Asked, Network

__all__ = ["FIELDS", "NETWORK", "check", "credentials", "kept", "pull", "rows"]

NETWORK = Network(
    name="facebook",
    base_url=base_url,
    page="https://developers.facebook.com/docs/graph-api/reference/page/",
    needs=("facebook_token",),
    optional=("facebook_version",),
    meant=graph_api.meant,
    history="posts of the last 90 days; reactions have no date and count from the day they are first seen",
    blind="people who did not agree to be named, personal profiles, groups, shares, followers by name",
    proof="recorded answers",
)

FIELDS: Mapping[str, Mapping[str, str]] = {}
"""The Graph API has no machine-readable description."""

_PAGE = "id,name,username,fan_count,followers_count,instagram_business_account{id,username}"
_POST = "id,created_time,from{id,name},message,message_tags,is_published,is_hidden"
_COMMENT = "id,created_time,from{id,name},message,message_tags,parent{id,from{id,name}},is_private,is_hidden"
_NAME = re.compile(r"[A-Za-z0-9.]{1,100}")
_NAMED = frozenset({"page", "user"})


# --- asking ---------------------------------------------------------------------------------------


def pull(client: Client, asked: Asked) -> None:
    """The pages that the token may read, and those of the watch list and the CRM's contacts."""
    known: set[str] = set()
    with client.apart("pages of this token"):
        for answer in graph_api.pages(client, "pages", "me/accounts", {"fields": _PAGE}, {}):
            known.update(graph_api.ids(answer))
    if not known:
        # The token of a page, which has no list of pages.
        with client.apart("page of this token"):
            known.update(graph_api.ids(client.get("page", "me", {"fields": _PAGE})))
    for page in sorted(known):
        _pull_page(client, page, asked)
    for watched in asked.accounts:
        name = watched.account_id or watched.handle or ""
        if name in known or watched.origin == "reacted" or not _NAME.fullmatch(name):
            continue
        with client.apart(f"page {name}"):
            for page in graph_api.ids(client.get("page", name, {"fields": _PAGE})):
                if page not in known:
                    known.add(page)
                    _pull_page(client, page, asked)


def check(client: Client) -> str:
    """Whose token it is."""
    said = next(iter(graph_api.objects(client.get("me", "me", {"fields": "id,name"}))), {})
    return f"token of {said.get('name') or said.get('id') or 'nobody'}"


def _pull_page(client: Client, page: str, asked: Asked) -> None:
    params = {"fields": _POST, **graph_api.in_window(asked)}
    with client.apart(f"posts of page {page}"):
        for answer in graph_api.pages(client, "page_posts", f"{page}/posts", params, {"account_id": page}):
            for post, at in _dated(answer):
                about = {"content_id": post, "account_id": page, "posted_at": at}
                with client.apart(f"comments on {post}"):
                    comments = {"fields": _COMMENT, "filter": "stream"}
                    for _ in graph_api.pages(client, "post_comments", f"{post}/comments", comments, about):
                        pass
                with client.apart(f"reactions to {post}"):
                    reactions = {"fields": "id,name,type"}
                    for _ in graph_api.pages(client, "post_reactions", f"{post}/reactions", reactions, about):
                        pass


def _dated(answer: Answer) -> list[tuple[str, str]]:
    shown = [item for item in graph_api.objects(answer) if not _is_private(item)]
    found = [(item.get("id"), item.get("created_time")) for item in shown]
    return [(post, at) for post, at in found if isinstance(post, str) and isinstance(at, str)]


# --- reading --------------------------------------------------------------------------------------


def rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    """The contract rows in an answer. Pure, and raises for no body whatever."""
    yield from accounts_once(whole(answer, lambda: _rows(answer, reading)))


def _rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    readers: Mapping[str, Callable[[Node], Iterator[Row | Refused]]] = {
        "page": lambda item: _page(item, answer),
        "pages": lambda item: _page(item, answer),
        "page_posts": lambda item: _post(item, answer, reading),
        "post_comments": lambda item: _comment(item, answer, reading),
        "post_reactions": lambda item: _reaction(item, answer, reading),
    }
    if read := readers.get(answer.endpoint):
        yield from each(answer, answer.endpoint, graph_api.items(answer), read)


def kept(answer: Answer, reduce: Callable[[str], str]) -> Answer:
    """The answer as it may be stored: texts reduced; without tokens, pictures and what is hidden."""
    return graph_api.storable_graph(answer, reduce, _is_private)


def _is_private(item: Mapping[str, Any]) -> bool:
    """A comment for the page alone, one that the page hides, or a post that is not out."""
    return (
        item.get("is_private") is True or item.get("is_hidden") is True or item.get("is_published") is False
    )


def _page(item: Node, answer: Answer) -> Iterator[Row | Refused]:
    # Whether it is verified is not asked: the sign can be bought.
    own, followers = identity(item, "id"), maybe_count(item, "followers_count")
    yield account(
        "facebook", own, maybe_text(item, "username") or own, answer.received_at,
        display_name=maybe_text(item, "name"),
        followers=maybe_count(item, "fan_count") if followers is None else followers,
    )  # fmt: skip
    # The owner of both has joined them; the service says so itself.
    if instagram := maybe_identity(maybe_node(item, "instagram_business_account"), "id"):
        for network, account_id in (("facebook", own), ("instagram", instagram)):
            values = {
                "network": network, "account_id": account_id, "person_key": f"facebook:{own}", "share": 1.0,
                "confidence": 1.0, "method": "linked_on_facebook", "observed_at": answer.received_at,
            }  # fmt: skip
            yield Row("identity_links", values)


def _post(item: Node, answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    if _is_private(item):
        return
    own, at = identity(item, "id"), moment(item, "created_time")
    if not reading.covers(at):
        return
    # Of a page's own posts the id begins with the page's.
    stated = maybe_identity(maybe_node(item, "from"), "id") or answer.about.get("account_id")
    actor = stated or own.partition("_")[0]
    topics = topics_of(reading, [maybe_text(item, "message")])
    yield activity("facebook", "post", own, actor=actor, at=at, content=own, topics=topics)
    yield from mentions("facebook", _tagged(item), own, actor=actor, at=at, topics=topics)


def _comment(item: Node, answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    if _is_private(item):
        return
    own, at = identity(item, "id"), moment(item, "created_time")
    if not reading.covers(at):
        return
    person = author(item)
    actor = text(person, "id")
    parent = maybe_node(item, "parent")
    if parent:
        content, target = identity(parent, "id"), text(author(parent), "id")
    else:
        content, target = reacted_to(answer)
    yield from _person(person, answer)
    yield activity("facebook", "reply", own, actor=actor, at=at, target=target, content=content)
    yield from mentions("facebook", _tagged(item), own, actor=actor, at=at, reached=(target,))


def _reaction(item: Node, answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    actor = identity(item, "id")
    content, target = reacted_to(answer)
    posted = moment(answer.about, "posted_at") if "posted_at" in answer.about else None
    yield from _person(item, answer)
    yield activity(
        "facebook", "like", f"like:{content}:{actor}",
        actor=actor, at=undated(reading, answer, posted), target=target, content=content,
    )  # fmt: skip


def _person(said: Node, answer: Answer) -> Iterator[Row]:
    """Who reacted, by name. Of the page itself more is known than its name."""
    own = identity(said, "id")
    if own != answer.about.get("account_id"):
        yield account("facebook", own, own, answer.received_at, display_name=maybe_text(said, "name"))


def _tagged(item: Node) -> list[str | None]:
    """The pages and people tagged in a text."""
    tags = [tag for tag in array(item, "message_tags") if isinstance(tag, dict)]
    return [maybe_identity(tag, "id") for tag in tags if maybe_text(tag, "type") in _NAMED]
