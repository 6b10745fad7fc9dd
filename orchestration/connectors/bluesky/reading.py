"""From the AT Protocol's answers to contract rows.

Things count from when the service saw them (`indexedAt`), because `createdAt` is whatever a client writes. A
record that says to be over two days older than that was moved in from elsewhere, and `createdAt` is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.bluesky.hidden import hides, labels, of_hidden
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
    a_node,
    array,
    each,
    identity,
    maybe_count,
    maybe_moment,
    maybe_node,
    maybe_text,
    message,
    moment,
    node,
    objects,
    whole,
)
from orchestration.connectors.follow_lists import follow

NAME = "bluesky"
MOVED_IN = timedelta(days=2)
_POSTS = "/app.bsky.feed.post/"

FIELDS: Mapping[str, Mapping[str, str]] = {
    "app.bsky.actor.defs#profileViewDetailed": {
        "did": "string", "handle": "string", "displayName": "string", "createdAt": "string",
        "followersCount": "integer", "followsCount": "integer", "postsCount": "integer", "labels": "array",
        "verification": "ref",
    },
    "app.bsky.feed.defs#postView": {
        "uri": "string", "author": "ref", "record": "unknown", "indexedAt": "string", "likeCount": "integer",
        "repostCount": "integer", "replyCount": "integer", "quoteCount": "integer",
    },
    "app.bsky.feed.defs#feedViewPost": {"post": "ref", "reply": "ref", "reason": "union"},
    "app.bsky.feed.defs#reasonRepost": {"by": "ref", "indexedAt": "string"},
    "app.bsky.feed.getLikes#like": {"indexedAt": "string", "createdAt": "string", "actor": "ref"},
    "app.bsky.feed.post": {
        "text": "string", "facets": "array", "reply": "ref", "embed": "union", "tags": "array",
        "createdAt": "string",
    },
}  # fmt: skip
"""What the mapping reads, by the lexicons' names and types."""

Found = Iterator[Row | Refused]
Reader = Callable[[Node, Answer, Reading], Found]


def rows(answer: Answer, reading: Reading) -> Found:
    """Activities, accounts and deletions in an answer; each account once."""
    reader = _READERS.get(answer.endpoint)
    if reader is None:
        return
    body = reader
    yield from accounts_once(
        whole(answer, lambda: body(node(answer.json(), answer.endpoint), answer, reading))
    )


def _of_profiles(body: Node, answer: Answer, reading: Reading) -> Found:
    profiles = array(body, "profiles")
    yield from each(answer, "profile", profiles, lambda profile: _account(profile, answer))


def _of_feed(body: Node, answer: Answer, reading: Reading) -> Found:
    yield from each(answer, "item", array(body, "feed"), lambda item: _feed_item(item, answer, reading))


def _of_quotes(body: Node, answer: Answer, reading: Reading) -> Found:
    yield from each(answer, "post", array(body, "posts"), lambda post: _post(post, answer, reading))


def _of_thread(body: Node, answer: Answer, reading: Reading) -> Found:
    thread = a_node(body, "thread")
    for shown in ([thread], array(thread, "replies")):
        yield from each(answer, "reply", shown, lambda item: _in_thread(item, answer, reading))


def _of_likes(body: Node, answer: Answer, reading: Reading) -> Found:
    content = _content(body)

    def like(item: Node) -> Found:
        actor = a_node(item, "actor")
        if hides(actor):
            return
        yield from _account(actor, answer)
        at = _when(item, item)
        if reading.covers(at):
            yield _reaction("like", content, _did(actor), at)

    yield from each(answer, "like", array(body, "likes"), like)


def _of_reposters(body: Node, answer: Answer, reading: Reading) -> Found:
    content = _content(body)
    at = undated(reading, answer, maybe_moment(answer.about, "posted_at"))

    def repost(actor: Node) -> Found:
        if hides(actor):
            return
        yield from _account(actor, answer)
        yield _reaction("repost", content, _did(actor), at)

    yield from each(answer, "repostedBy", array(body, "repostedBy"), repost)


def _of_followers(body: Node, answer: Answer, reading: Reading) -> Found:
    whose = _did(a_node(body, "subject"))
    yield from _follows(body, "followers", answer, reading, lambda other: (other, whose))


def _of_follows(body: Node, answer: Answer, reading: Reading) -> Found:
    whose = _did(a_node(body, "subject"))
    yield from _follows(body, "follows", answer, reading, lambda other: (whose, other))


def _follows(
    body: Node, name: str, answer: Answer, reading: Reading, pair: Callable[[str], tuple[str, str]]
) -> Found:
    """Who follows whom, by a list of one account's followers or followed."""
    subject = a_node(body, "subject")
    if hides(subject):
        return
    yield from _account(subject, answer)

    def listed(other: Node) -> Found:
        if hides(other):
            return
        yield from _account(other, answer)
        actor, target = pair(_did(other))
        yield follow(NAME, answer, reading, actor, target)

    yield from each(answer, name, array(body, name), listed)


_READERS: Mapping[str, Reader] = {
    "profiles": _of_profiles,
    "author_feed": _of_feed,
    "likes": _of_likes,
    "reposted_by": _of_reposters,
    "quotes": _of_quotes,
    "thread": _of_thread,
    "followers": _of_followers,
    "follows": _of_follows,
}


def _feed_item(item: Node, answer: Answer, reading: Reading) -> Found:
    """A thing in somebody's feed: a post of theirs, or one that they passed on."""
    if of_hidden(item):
        return
    post, reason = a_node(item, "post"), maybe_node(item, "reason")
    parent = maybe_node(item, "reply", "parent")
    if parent.get("notFound") is True:
        yield deletion(NAME, _content(parent), undated(reading, answer, None))
    yield from whole(answer, lambda: _post(post, answer, reading))
    if not str(reason.get("$type", "")).endswith("#reasonRepost"):
        return
    by, at, content = a_node(reason, "by"), _when(reason, reason), _content(post)
    yield from _account(by, answer)
    if reading.covers(at):
        yield _reaction("repost", content, _did(by), at)


def _in_thread(item: Node, answer: Answer, reading: Reading) -> Found:
    if item.get("notFound") is True:
        yield deletion(NAME, _content(item), undated(reading, answer, None))
    elif "post" in item:  # else somebody blocks somebody, and nothing is shown
        yield from _post(a_node(item, "post"), answer, reading)


def _post(post: Node, answer: Answer, reading: Reading) -> Found:
    """A post as post, reply or quote, and whom it names."""
    author = a_node(post, "author")
    if hides(author):
        return
    yield from _account(author, answer)
    record = a_node(post, "record")
    content, actor, at = _content(post), _did(author), _when(post, record)
    if not reading.covers(at):
        return
    tags = [tag for tag in array(record, "tags") if isinstance(tag, str)]
    topics = topics_of(reading, [message(record, "text")], [*tags, *_features(record, "tag", "tag")])

    def act(kind: str, own: str, target: str | None, about: str | None) -> Row:
        return activity(NAME, kind, own, actor=actor, at=at, target=target, content=about, topics=topics)

    parent = maybe_node(record, "reply", "parent")
    answered = _content(parent) if parent else None
    quoted = _quoted(record)
    if answered is not None:
        yield act("reply", content, author_of(answered), answered)
    if quoted is not None:
        # A post that does both is one reply, whose id is its own, and one quote.
        own = content if answered is None else f"quote:{content}:{quoted}"
        yield act("quote", own, author_of(quoted), quoted)
    if answered is None and quoted is None:
        yield act("post", content, None, content)
    spared = author_of(answered) if answered else None
    for named in dict.fromkeys(_features(record, "mention", "did")):
        if named.startswith("did:") and named != spared:
            yield act("mention", f"mention:{content}:{named}", named, None)


def _account(profile: Node, answer: Answer) -> Iterator[Row]:
    if hides(profile):
        return
    did, handle = _did(profile), maybe_text(profile, "handle")
    said = maybe_node(profile, "verification")
    yield account(
        NAME,
        did,
        # An account without a valid handle has the same placeholder as all others like it.
        handle if handle and handle != "handle.invalid" else did,
        answer.received_at,
        display_name=maybe_text(profile, "displayName") or None,
        created_at=maybe_moment(profile, "createdAt"),
        followers=maybe_count(profile, "followersCount"),
        following=maybe_count(profile, "followsCount"),
        posts=maybe_count(profile, "postsCount"),
        is_verified="valid" in said.values() if said else None,
        is_automated=True if "bot" in labels(profile) else None,
    )


def _reaction(kind: str, content: str, actor: str, at: datetime) -> Row:
    """A like or repost; the made id is the same wherever it is seen."""
    made = f"{kind}:{content}:{actor}"
    return activity(NAME, kind, made, actor=actor, at=at, target=author_of(content), content=content)


def _did(actor: Node) -> str:
    did = identity(actor, "did")
    if not did.startswith("did:"):
        raise Unreadable("bad_type", "did is no DID")
    return did


def _content(thing: Node) -> str:
    uri = identity(thing, "uri")
    author_of(uri)
    return uri


def author_of(uri: str) -> str:
    """The DID in an at:// address, which is its author's. Unreadable where there is none."""
    parts = uri.split("/")
    if len(parts) != 5 or parts[0] != "at:" or not parts[2].startswith("did:") or not parts[4]:
        raise Unreadable("bad_type", "uri is no at:// address with a DID")
    return parts[2]


def _when(thing: Node, record: Node) -> datetime:
    """When the service saw it; when it says to be made, where that is long before."""
    seen = moment(thing, "indexedAt")
    try:
        made = maybe_moment(record, "createdAt")
    except Unreadable:  # what clients write there may be no time at all
        made = None
    return made if made is not None and made < seen - MOVED_IN else seen


def _quoted(record: Node) -> str | None:
    """The post that a post shows, alone or beside pictures; lists and feeds are shown the same way."""
    shown = maybe_node(record, "embed", "record")
    uri = maybe_text(maybe_node(shown, "record") or shown, "uri")
    if uri is None or _POSTS not in uri:
        return None
    author_of(uri)
    return uri


def _features(record: Node, kind: str, name: str) -> Iterable[str]:
    """What the marks in a text point at."""
    for facet in objects(record, "facets"):
        for feature in objects(facet, "features"):
            of_kind, value = feature.get("$type") == f"app.bsky.richtext.facet#{kind}", feature.get(name)
            if of_kind and isinstance(value, str) and value.isprintable():
                yield value
