"""What the AT Protocol's reading service is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator

from orchestration.connectors.answers import Answer, Unreadable
from orchestration.connectors.bluesky.hidden import hides
from orchestration.connectors.bluesky.reading import MOVED_IN, author_of
from orchestration.connectors.client import AnswerError, Client
from orchestration.connectors.fields import maybe_moment, node, objects
from orchestration.connectors.network import Asked

LIST_PAGES = 10
"""Pages of followers and of follows a day: the newest thousand of each."""

_PAGE = 100


def _cursor() -> JSONResponseCursorPaginator:
    return JSONResponseCursorPaginator(cursor_path="cursor", cursor_param="cursor")


def pull(client: Client, asked: Asked) -> None:
    """Profiles, feeds and follows of the accounts; reactions to their posts of the last days."""
    for actor in _resolved(client, asked):
        with client.apart(f"account {actor}"):
            posts = _feed(client, asked, actor)
            for post in posts:
                with client.apart(f"reactions to {post['uri']}"):
                    _reactions(client, asked, post)
        for endpoint, name in (("followers", "getFollowers"), ("follows", "getFollows")):
            with client.apart(f"{endpoint} of {actor}"):
                _list(client, endpoint, name, actor)


def check(client: Client) -> str:
    """The version of the service; it asks nobody who they are."""
    version = client.get("health", "xrpc/_health").json().get("version", "?")
    return f"public reading without an account; the service is version {str(version)[:40]}"


def _resolved(client: Client, asked: Asked) -> list[str]:
    """DIDs of the accounts, from their profiles; whoever is not there any more is noted."""
    actors = list(dict.fromkeys(a.account_id or (a.handle or "").removeprefix("@") for a in asked.accounts))
    found: list[str] = []
    for at in range(0, len(actors), 25):
        some = actors[at : at + 25]
        try:
            found += _profiles(client, some)
        except AnswerError:
            # One handle that cannot be one spoils the others.
            for actor in some:
                with client.apart(f"account {actor}"):
                    found += _profiles(client, [actor])
    return list(dict.fromkeys(found))


def _profiles(client: Client, actors: list[str]) -> list[str]:
    answer = client.get("profiles", "xrpc/app.bsky.actor.getProfiles", {"actors": actors})
    profiles = [p for p in objects(answer.json(), "profiles") if isinstance(p.get("did"), str)]
    named = {str(p[name]).lower() for p in profiles for name in ("did", "handle") if name in p}
    for actor in actors:
        if actor.lower() not in named:
            client.note(f"there is no account {actor}")
    return [str(p["did"]) for p in profiles if not hides(p)]


def _feed(client: Client, asked: Asked, actor: str) -> list[Mapping[str, Any]]:
    """Ask for what an account wrote and passed on; its own posts that are asked for reactions."""
    oldest = min(asked.since, asked.until - timedelta(days=asked.reaction_days))
    posts: dict[str, Mapping[str, Any]] = {}
    params = {"actor": actor, "limit": _PAGE, "filter": "posts_with_replies"}
    feed = client.pages(
        "author_feed",
        "xrpc/app.bsky.feed.getAuthorFeed",
        params,
        {"account_id": actor},
        _cursor(),
        stop=lambda answer: _all_before(_feed_moments(answer), oldest - MOVED_IN),
    )
    for answer in feed:
        for item in objects(answer.json(), "feed"):
            post = item.get("post")
            if isinstance(post, dict) and isinstance(post.get("uri"), str) and "reason" not in item:
                seen = _seen(post)
                if author_of(post["uri"]) == actor and seen and oldest <= seen < asked.until:
                    posts[post["uri"]] = post
    return list(posts.values())


def _reactions(client: Client, asked: Asked, post: Mapping[str, Any]) -> None:
    """Ask for those reactions to a post that it says to have."""
    uri = post["uri"]
    seen = _seen(post)
    about = {"content_id": uri} | ({"posted_at": seen.isoformat()} if seen else {})
    if post.get("likeCount", 1):
        params = {"uri": uri, "limit": _PAGE}
        stop = lambda answer: _all_before(_like_moments(answer), asked.since)  # noqa: E731
        for _ in client.pages("likes", "xrpc/app.bsky.feed.getLikes", params, about, _cursor(), stop):
            pass
    for count, endpoint, name in (
        ("repostCount", "reposted_by", "getRepostedBy"),
        ("quoteCount", "quotes", "getQuotes"),
    ):
        if post.get(count, 1):
            params = {"uri": uri, "limit": _PAGE}
            for _ in client.pages(endpoint, f"xrpc/app.bsky.feed.{name}", params, about, _cursor()):
                pass
    if post.get("replyCount", 1):
        client.get(
            "thread", "xrpc/app.bsky.feed.getPostThread", {"uri": uri, "depth": 1, "parentHeight": 0}, about
        )


def _list(client: Client, endpoint: str, name: str, actor: str) -> None:
    pages = client.pages(
        endpoint,
        f"xrpc/app.bsky.graph.{name}",
        {"actor": actor, "limit": _PAGE},
        {"account_id": actor},
        _cursor(),
        mark_end=True,
    )
    for number, _ in enumerate(pages, start=1):
        if number == LIST_PAGES:
            client.note(
                f"of long lists of followers and follows, the newest {LIST_PAGES * _PAGE:,} were read"
            )
            return


def _feed_moments(answer: Answer) -> list[datetime | None]:
    """When each thing of a feed came into it."""
    reasons = [(item.get("reason"), item.get("post")) for item in objects(answer.json(), "feed")]
    return [_seen(reason if isinstance(reason, dict) else post) for reason, post in reasons]


def _like_moments(answer: Answer) -> list[datetime | None]:
    return [_seen(like) for like in objects(answer.json(), "likes")]


def _all_before(moments: list[datetime | None], moment: datetime) -> bool:
    return bool(moments) and all(each is not None and each < moment for each in moments)


def _seen(value: Any) -> datetime | None:
    try:
        return maybe_moment(node(value, ""), "indexedAt")
    except Unreadable:
        return None
