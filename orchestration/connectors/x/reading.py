"""What X's answers say, as rows; and an answer without what must not be stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.contract_rows import (
    account,
    accounts_once,
    activity,
    deletion,
    topics_of,
    undated,
)
from orchestration.connectors.fields import (
    Node,
    array,
    each,
    identity,
    maybe_count,
    maybe_flag,
    maybe_identity,
    maybe_moment,
    maybe_node,
    maybe_text,
    node,
    text,
    whole,
)
from orchestration.connectors.storing import storable

_NETWORK = "x"

USER_LISTS = frozenset({"users", "users_by", "me"})
REACTION_LISTS: Mapping[str, str] = {"liking_users": "like", "retweeted_by": "repost"}
TWEET_LISTS = frozenset({"user_tweets", "user_mentions", "quote_tweets", "tweets"})

_EPOCH_MS = 1_288_834_974_657  # ids from November 2010 on begin with the milliseconds since then
_FIRST_DATED_ID = 29_700_859_247
_VOUCHED_FOR = frozenset({"business", "government"})

FIELDS: Mapping[str, Mapping[str, str]] = {
    "User": {
        "id": "string", "username": "string", "name": "string", "location": "string", "created_at": "string",
        "protected": "boolean", "verified": "boolean", "verified_type": "string",
        "public_metrics.followers_count": "integer", "public_metrics.following_count": "integer",
        "public_metrics.tweet_count": "integer",
    },
    "Tweet": {
        "id": "string", "author_id": "string", "created_at": "string", "text": "string",
        "in_reply_to_user_id": "string", "referenced_tweets.id": "string", "referenced_tweets.type": "string",
        "entities.mentions.id": "string", "entities.hashtags.tag": "string",
        "context_annotations.entity.name": "string", "public_metrics.like_count": "integer",
        "public_metrics.retweet_count": "integer", "public_metrics.quote_count": "integer",
    },
    "Expansions": {"users": "array", "tweets": "array"},
    "ResourceNotFoundProblem": {"resource_type": "string", "resource_id": "string", "type": "string"},
}  # fmt: skip
"""The fields read below, by schema of X's description."""


def rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    if answer.ok:
        yield from accounts_once(whole(answer, lambda: _rows(answer, reading)))


def _rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    body = node(answer.json(), "answer")
    data = body.get("data")
    items = [data] if isinstance(data, dict) else array(body, "data")
    if answer.endpoint in USER_LISTS:
        yield from each(answer, "data", items, lambda user: _account(answer, user))
    elif answer.endpoint in REACTION_LISTS:
        kind = REACTION_LISTS[answer.endpoint]
        yield from each(answer, "data", items, lambda user: _reaction(answer, reading, kind, user))
    elif answer.endpoint in TWEET_LISTS:
        users, tweets = array(body, "includes", "users"), array(body, "includes", "tweets")
        page = _Page(answer, reading, _protected(users), {})
        for tweet in tweets:
            if isinstance(tweet, dict) and isinstance(tweet.get("id"), str) and not page.hides(tweet):
                page.referred[tweet["id"]] = tweet
        yield from each(answer, "includes.users", users, lambda user: _account(answer, user))
        yield from each(answer, "data", items, lambda tweet: _tweet(page, tweet))
    yield from each(answer, "errors", array(body, "errors"), lambda problem: _gone(answer, problem))


@dataclass(frozen=True)
class _Page:
    """An answer with posts: whose are protected, and the posts that they refer to by id."""

    answer: Answer
    reading: Reading
    protected: frozenset[str]
    referred: dict[str, Node]

    def hides(self, tweet: Node) -> bool:
        author = tweet.get("author_id")
        return isinstance(author, str) and author in self.protected


def _protected(users: list[Any]) -> frozenset[str]:
    return frozenset(
        user["id"]
        for user in users
        if isinstance(user, dict) and user.get("protected") is True and isinstance(user.get("id"), str)
    )


def _account(answer: Answer, user: Node) -> Iterator[Row]:
    if maybe_flag(user, "protected"):
        return
    kind = maybe_text(user, "verified_type")
    yield account(
        _NETWORK,
        identity(user, "id"),
        text(user, "username"),
        answer.received_at,
        display_name=maybe_text(user, "name"),
        region=maybe_text(user, "location") or None,
        created_at=maybe_moment(user, "created_at"),
        followers=maybe_count(user, "public_metrics", "followers_count"),
        following=maybe_count(user, "public_metrics", "following_count"),
        posts=maybe_count(user, "public_metrics", "tweet_count"),
        # A blue tick is bought. It says nothing of who somebody is, and would make seeds of trust for sale.
        is_verified=maybe_flag(user, "verified") if kind is None else kind in _VOUCHED_FOR,
    )


def _reaction(answer: Answer, reading: Reading, kind: str, user: Node) -> Iterator[Row]:
    """A like or repost that is known from a list: who, but not when."""
    if maybe_flag(user, "protected"):
        return
    yield from _account(answer, user)
    content, target = text(answer.about, "content_id"), text(answer.about, "account_id")
    at = undated(reading, answer, maybe_moment(answer.about, "created_at") or _born(content))
    actor = identity(user, "id")
    if reading.covers(at):
        yield activity(
            _NETWORK,
            kind,
            f"{kind}:{content}:{actor}",
            actor=actor,
            target=target,
            content=content,
            at=at,
        )


def _tweet(page: _Page, tweet: Node) -> Iterator[Row | Refused]:
    content = identity(tweet, "id")
    at = maybe_moment(tweet, "created_at") or _born(content)
    if at is None:
        raise Unreadable("null_required", "created_at")
    if page.hides(tweet) or not page.reading.covers(at):
        return
    # An account's own posts need not say whose they are.
    author = maybe_identity(tweet, "author_id")
    if author is None and page.answer.endpoint == "user_tweets":
        author = page.answer.about.get("account_id")
    if author is None:
        raise Unreadable("null_required", "author_id")
    referred = {
        text(r, "type"): identity(r, "id") for r in map(_reference, array(tweet, "referenced_tweets"))
    }
    if "retweeted" in referred:
        original = referred["retweeted"]
        yield from _about(page, "repost", f"repost:{original}:{author}", author, at, original)
        return
    answered = None
    if "replied_to" in referred:
        answered = maybe_identity(tweet, "in_reply_to_user_id") or _author(page, referred["replied_to"])
        yield from _about(page, "reply", content, author, at, referred["replied_to"], answered)
    if "quoted" in referred:
        # A reply that quotes is one piece of content and two reactions; its own id stays the reply's.
        quote = f"quote:{referred['quoted']}:{content}" if "replied_to" in referred else content
        yield from _about(page, "quote", quote, author, at, referred["quoted"])
    topics = _topics(page.reading, tweet)
    if not referred:
        yield activity(_NETWORK, "post", content, actor=author, content=content, at=at, topics=topics)
    named = [
        maybe_identity(node(one, "entities.mentions"), "id") for one in array(tweet, "entities", "mentions")
    ]
    for target in dict.fromkeys(named):
        if target is not None and target != answered and target not in page.protected:
            yield activity(
                _NETWORK,
                "mention",
                f"mention:{content}:{target}",
                actor=author,
                target=target,
                at=at,
                topics=topics,
            )


def _reference(value: Any) -> Node:
    return node(value, "referenced_tweets")


def _about(
    page: _Page,
    kind: str,
    activity_id: str,
    actor: str,
    at: datetime,
    content: str,
    target: str | None = None,
) -> Iterator[Row | Refused]:
    """A reaction to `content`; refused where its author is not told, as of content that is gone."""
    target = target or _author(page, content)
    if target is None:
        yield Refused("null_required", f"{page.answer.endpoint}: author of the post that a {kind} is about")
    elif target not in page.protected:
        original = page.referred.get(content)
        topics = _topics(page.reading, original) if original is not None else []
        yield activity(
            _NETWORK, kind, activity_id, actor=actor, target=target, content=content, at=at, topics=topics
        )


def _author(page: _Page, content: str) -> str | None:
    tweet = page.referred.get(content)
    if tweet is not None:
        return maybe_identity(tweet, "author_id")
    about = page.answer.about
    return about.get("account_id") if about.get("content_id") == content else None


def _topics(reading: Reading, tweet: Node) -> list[str]:
    """Topics of the hashtags, of the text, and of what X itself says the post is about."""
    tags = [maybe_text(node(tag, "entities.hashtags"), "tag") for tag in array(tweet, "entities", "hashtags")]
    said = [
        maybe_text(maybe_node(node(annotation, "context_annotations"), "entity"), "name")
        for annotation in array(tweet, "context_annotations")
    ]
    own = maybe_text(tweet, "note_tweet", "text") or maybe_text(tweet, "text")
    return topics_of(reading, [own, *dict.fromkeys(said)], [tag for tag in tags if tag])


def _gone(answer: Answer, problem: Node) -> Iterator[Row]:
    """A problem beside the data: a post that is not found is deleted; others say nothing of content."""
    if str(problem.get("type")).endswith("/resource-not-found") and problem.get("resource_type") == "tweet":
        yield deletion(_NETWORK, identity(problem, "resource_id"), answer.received_at)


def _born(content: str) -> datetime | None:
    """When a post was written, by its id, which begins with that moment; None for the old ones without."""
    if not (content.isascii() and content.isdigit() and len(content) <= len(str(2**63))):
        return None
    number = int(content)
    if number < _FIRST_DATED_ID:
        return None
    return datetime.fromtimestamp(((number >> 22) + _EPOCH_MS) / 1000, UTC)


def kept(answer: Answer, reduce: Callable[[str], str]) -> Answer:
    """Texts reduced; links, profile texts, places and everything of protected accounts gone."""
    try:
        body = answer.json()
    except Unreadable:
        body = None
    includes = body.get("includes") if isinstance(body, dict) else None
    users = includes.get("users") if isinstance(includes, dict) else None
    hidden = _protected(users if isinstance(users, list) else [])

    def private(item: dict[str, Any]) -> bool:
        author = item.get("author_id")
        return item.get("protected") is True or (isinstance(author, str) and author in hidden)

    dropped = {"description", "urls", "annotations", "attachments", "geo", "media", "polls", "places"}
    return storable(answer, reduce, texts={"text"}, dropped=dropped, private=private)
