"""What is asked of X: the accounts, their posts, who names them, and who reacted to what is new enough."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dlt.sources.helpers.rest_client.paginators import BasePaginator, JSONResponseCursorPaginator

from orchestration.connectors.answers import Answer
from orchestration.connectors.client import AnswerError, Client
from orchestration.connectors.fields import node, objects, text
from orchestration.connectors.network import Asked

_USER_FIELDS = "created_at,location,name,protected,public_metrics,username,verified,verified_type"
_TWEET_FIELDS = (
    "author_id,context_annotations,created_at,entities,in_reply_to_user_id,public_metrics,referenced_tweets"
)
_EXPANSIONS = ",".join(
    (
        "author_id",
        "entities.mentions.username",
        "in_reply_to_user_id",
        "referenced_tweets.id",
        "referenced_tweets.id.author_id",
    )
)
_USERS = {"user.fields": _USER_FIELDS}
_TWEETS = {**_USERS, "tweet.fields": _TWEET_FIELDS, "expansions": _EXPANSIONS, "max_results": 100}
_HANDLE = re.compile(r"[A-Za-z0-9_]{1,15}", re.ASCII)
_ACCOUNTS_A_CALL = 100
_MOST_PAGES = 50  # of those who reacted to one post: five thousand
_A_DAY = 86_400.0


def later(status: int, body: bytes, now: float) -> float | None:
    """Seconds to wait where a month's posts are used up: a day, because nobody says when the month began."""
    return _A_DAY if status == 429 and b"/problems/usage-capped" in body else None


def meant(status: int, body: str) -> int:
    """A token whose app may not use API v2 at all is answered with 403."""
    return 401 if status == 403 and '"client-not-enrolled"' in body else status


def check(client: Client) -> str:
    """Who the token is; one for an app alone is nobody, and may only look others up."""
    try:
        body = client.get("me", "/2/users/me").json()
        return f"@{text(node(body, 'answer'), 'data', 'username')}"
    except AnswerError as error:
        if error.status != 403:
            raise
    client.get("users_by", "/2/users/by", {"usernames": "XDevelopers"})
    return "an app"


def pull(client: Client, asked: Asked) -> None:
    likes = _Likes(client)
    for user in _users(client, asked):
        with client.apart(f"account @{user.username}"):
            reactions_since = min(asked.since, asked.until - timedelta(days=asked.reaction_days))
            own = list(_timeline(client, asked, user, reactions_since))
            with client.apart(f"mentions of @{user.username}"):
                about = {"account_id": user.id}
                times = _between(asked.since, asked.until)
                for _ in client.pages(
                    "user_mentions", f"/2/users/{user.id}/mentions", {**_TWEETS, **times}, about, _pages()
                ):
                    pass
            for tweet in own:
                _reactions(client, asked, likes, user, tweet)


@dataclass(frozen=True)
class _User:
    id: str
    username: str


@dataclass
class _Likes:
    """Whether likes may be asked for: X shows them to their author's own token only."""

    client: Client
    hidden: bool = False

    def refused(self, error: AnswerError) -> None:
        if error.status != 403:
            raise error
        self.hidden = True
        self.client.note("likes are hidden from this token: none are asked for")


def _users(client: Client, asked: Asked) -> Iterator[_User]:
    """The accounts asked for that exist and are not protected, each once."""
    ids = [w.account_id for w in asked.accounts if w.account_id and w.account_id.isdecimal()]
    handles = [watched.handle for watched in asked.accounts if watched.handle and not watched.account_id]
    known = [handle for handle in handles if _HANDLE.fullmatch(handle)]
    for handle in dict.fromkeys(set(handles) - set(known)):
        client.note(f"@{handle} cannot be a handle of X")  # and would have the whole call refused
    calls = [("users", "/2/users", "ids", batch) for batch in _batches(ids)]
    calls += [("users_by", "/2/users/by", "usernames", batch) for batch in _batches(known)]
    seen: set[str] = set()
    for endpoint, path, param, batch in calls:
        with client.apart(f"{len(batch)} accounts by {param}"):
            body = client.get(endpoint, path, {param: ",".join(batch), **_USERS}).json()
            for problem in objects(body, "errors"):
                client.note(f"{problem.get('value')}: {problem.get('title')}")
            for user in objects(body, "data"):
                account_id, username = user.get("id"), user.get("username")
                if not isinstance(account_id, str) or not isinstance(username, str) or account_id in seen:
                    continue
                seen.add(account_id)
                if user.get("protected") is not True:
                    yield _User(account_id, username)


def _batches(names: list[str]) -> Iterator[list[str]]:
    distinct = sorted(set(names))
    for start in range(0, len(distinct), _ACCOUNTS_A_CALL):
        yield distinct[start : start + _ACCOUNTS_A_CALL]


def _timeline(client: Client, asked: Asked, user: _User, since: datetime) -> Iterator[dict[str, Any]]:
    """Own content of an account from `since` on: what it reposted is others'."""
    params = {**_TWEETS, **_between(since, asked.until)}
    about = {"account_id": user.id}
    for answer in client.pages("user_tweets", f"/2/users/{user.id}/tweets", params, about, _pages()):
        for tweet in objects(answer.json(), "data"):
            references = objects(tweet, "referenced_tweets")
            if isinstance(tweet.get("id"), str) and not any(r.get("type") == "retweeted" for r in references):
                yield tweet


def _reactions(client: Client, asked: Asked, likes: _Likes, user: _User, tweet: dict[str, Any]) -> None:
    def old(answer: Answer) -> bool:
        """Quotes come newest first; likes and reposts have no dates."""
        told = [quote.get("created_at") for quote in objects(answer.json(), "data")]
        dates = [date for date in told if isinstance(date, str)]
        return answer.endpoint == "quote_tweets" and bool(dates) and min(dates) < _written(asked.since)

    content = tweet["id"]
    about = {"content_id": content, "account_id": user.id}
    if isinstance(tweet.get("created_at"), str):
        about["created_at"] = tweet["created_at"]
    metrics = tweet.get("public_metrics")
    counted = metrics if isinstance(metrics, dict) else {}
    for endpoint, counter in (
        ("liking_users", "like_count"),
        ("retweeted_by", "retweet_count"),
        ("quote_tweets", "quote_count"),
    ):
        if counted.get(counter) == 0 or (endpoint == "liking_users" and likes.hidden):
            continue
        params = _TWEETS if endpoint == "quote_tweets" else {**_USERS, "max_results": 100}
        with client.apart(f"{endpoint} of {content}"):
            try:
                path = f"/2/tweets/{content}/{endpoint}"
                for number, _ in enumerate(
                    client.pages(endpoint, path, params, about, _pages(), old), start=1
                ):
                    if number == _MOST_PAGES:
                        client.note(f"{number * 100:,} {endpoint} of {content} are asked for at most")
                        break
            except AnswerError as error:
                if endpoint != "liking_users":
                    raise
                likes.refused(error)


def _pages() -> BasePaginator:
    return JSONResponseCursorPaginator(cursor_path="meta.next_token", cursor_param="pagination_token")


def _between(since: datetime, until: datetime) -> dict[str, str]:
    """X refuses an end that is not past, so a day that is not over has none."""
    times = {"start_time": _written(since)}
    if until < datetime.now(UTC) - timedelta(minutes=1):
        times["end_time"] = _written(until)
    return times


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
