"""From the AT Protocol's answers to contract rows.

Things count from when the service saw them (`indexedAt`), because `createdAt` is whatever a client writes. A
record that says to be over two days older than that was moved in from elsewhere, and `createdAt` is believed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from orchestration.connectors import mapping
from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.bluesky.hidden import hides, labels, of_hidden
from orchestration.connectors.mapping import Item, attempt, each, undated, whole

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


def rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    """Activities, accounts and deletions in an answer; each account once."""
    readers = {
        "profiles": _of_profiles,
        "author_feed": _of_feed,
        "likes": _of_likes,
        "reposted_by": _of_reposters,
        "quotes": _of_quotes,
        "thread": _of_thread,
        "followers": _of_followers,
        "follows": _of_follows,
    }
    reader = readers.get(answer.endpoint)
    seen: set[str] = set()
    for row in attempt(lambda: reader(answer, reading)) if reader else ():
        if isinstance(row, Row) and row.table == "accounts":
            account = row.values["account_id"]
            if account in seen:
                continue
            seen.add(account)
        yield row


def _of_profiles(answer: Answer, reading: Reading) -> Found:
    profiles = whole(answer).sequence("profiles")
    yield from each(profiles, "profiles", lambda profile: _account(profile, answer))


def _of_feed(answer: Answer, reading: Reading) -> Found:
    yield from each(whole(answer).sequence("feed"), "author_feed", lambda i: _feed_item(i, answer, reading))


def _of_quotes(answer: Answer, reading: Reading) -> Found:
    yield from each(whole(answer).sequence("posts"), "quotes", lambda post: _post(post, answer, reading))


def _of_thread(answer: Answer, reading: Reading) -> Found:
    thread = whole(answer).item("thread")
    yield from attempt(lambda: _in_thread(thread, answer, reading))
    yield from each(thread.sequence("replies"), "thread.replies", lambda i: _in_thread(i, answer, reading))


def _of_likes(answer: Answer, reading: Reading) -> Found:
    body = whole(answer)
    content = _content(body)

    def like(item: Item) -> Found:
        actor = item.item("actor")
        if hides(actor.value):
            return
        yield from _account(actor, answer)
        moment = _when(item)
        if reading.covers(moment):
            yield mapping.reaction(NAME, "like", content, _did(actor), author_of(content), moment)

    yield from each(body.sequence("likes"), "likes", like)


def _of_reposters(answer: Answer, reading: Reading) -> Found:
    body = whole(answer)
    content = _content(body)
    moment = undated(answer, reading, Item(dict(answer.about), "about").maybe_moment("posted_at"))

    def repost(actor: Item) -> Found:
        if hides(actor.value):
            return
        yield from _account(actor, answer)
        yield mapping.reaction(NAME, "repost", content, _did(actor), author_of(content), moment)

    yield from each(body.sequence("repostedBy"), "reposted_by", repost)


def _of_followers(answer: Answer, reading: Reading) -> Found:
    yield from _follows(answer, reading, "followers")


def _of_follows(answer: Answer, reading: Reading) -> Found:
    yield from _follows(answer, reading, "follows")


def _follows(answer: Answer, reading: Reading, name: str) -> Found:
    body = whole(answer)
    subject = body.item("subject")
    whose, moment = _did(subject), undated(answer, reading)
    yield from _account(subject, answer)

    def follow(other: Item) -> Found:
        if hides(other.value):
            return
        yield from _account(other, answer)
        pair = (_did(other), whose) if name == "followers" else (whose, _did(other))
        yield mapping.follow(NAME, *pair, moment)

    if not hides(subject.value):
        yield from each(body.sequence(name), name, follow)


def _feed_item(item: Item, answer: Answer, reading: Reading) -> Found:
    """A thing in somebody's feed: a post of theirs, or one that they passed on."""
    if of_hidden(item.value):
        return
    post = item.item("post")
    yield from _parent(item, answer, reading)
    yield from attempt(lambda: _post(post, answer, reading))
    reason = item.maybe_item("reason")
    if reason is None or not str(reason.value.get("$type", "")).endswith("#reasonRepost"):
        return
    by, moment, content = reason.item("by"), _when(reason), _content(post)
    yield from _account(by, answer)
    if reading.covers(moment):
        yield mapping.reaction(NAME, "repost", content, _did(by), author_of(content), moment)


def _parent(item: Item, answer: Answer, reading: Reading) -> Found:
    """What a reply in a feed answers to: gone, perhaps."""
    reply = item.maybe_item("reply")
    parent = reply.maybe_item("parent") if reply else None
    if parent is not None and parent.value.get("notFound") is True:
        yield mapping.deletion(NAME, _content(parent), undated(answer, reading))


def _in_thread(item: Item, answer: Answer, reading: Reading) -> Found:
    if item.value.get("notFound") is True:
        yield mapping.deletion(NAME, _content(item), undated(answer, reading))
    elif "post" in item.value:  # else somebody blocks somebody, and nothing is shown
        yield from _post(item.item("post"), answer, reading)


def _post(post: Item, answer: Answer, reading: Reading) -> Found:
    """A post as post, reply or quote, and whom it names."""
    author = post.item("author")
    if hides(author.value):
        return
    yield from _account(author, answer)
    record = post.item("record")
    content, actor, moment = _content(post), _did(author), _when(post, record)
    if not reading.covers(moment):
        return
    topics = reading.topics(record.maybe_text("text") or "", [*record.texts("tags"), *_tags(record)])
    answered = _reference(record, "reply", "parent")
    quoted = _quoted(record)
    if answered is not None:
        target = author_of(answered)
        yield mapping.activity(
            NAME, content, "reply", actor, moment, target=target, content=answered, topics=topics
        )
    if quoted is not None:
        # A post that does both is one reply, whose id is its own, and one quote.
        own = content if answered is None else f"quote:{content}:{quoted}"
        target = author_of(quoted)
        yield mapping.activity(
            NAME, own, "quote", actor, moment, target=target, content=quoted, topics=topics
        )
    if answered is None and quoted is None:
        yield mapping.post(NAME, content, actor, moment, topics)
    for named in dict.fromkeys(_named(record)):
        if answered is None or named != author_of(answered):
            yield mapping.mention(NAME, content, actor, named, moment, topics)


def _account(profile: Item, answer: Answer) -> Iterator[Row]:
    if hides(profile.value):
        return
    did, handle = _did(profile), profile.maybe_text("handle")
    verification = profile.maybe_item("verification")
    said = verification.value if verification else {}
    yield mapping.account(
        NAME,
        did,
        # An account without a valid handle has the same placeholder as all others like it.
        handle if handle and handle != "handle.invalid" else did,
        answer.received_at,
        display_name=profile.maybe_text("displayName") or None,
        created_at=profile.maybe_moment("createdAt"),
        followers=profile.maybe_count("followersCount"),
        following=profile.maybe_count("followsCount"),
        posts=profile.maybe_count("postsCount"),
        is_verified="valid" in said.values() if said else None,
        is_automated=True if "bot" in labels(profile.value) else None,
    )


def _did(actor: Item) -> str:
    did = actor.identifier("did")
    if not did.startswith("did:"):
        raise Unreadable("bad_type", f"{actor.place('did')} is no DID")
    return did


def _content(item: Item) -> str:
    uri = item.identifier("uri")
    author_of(uri, item.place("uri"))
    return uri


def author_of(uri: str, where: str = "uri") -> str:
    """The DID in an at:// address, which is its author's."""
    parts = uri.split("/")
    if len(parts) != 5 or parts[0] != "at:" or not parts[2].startswith("did:") or not parts[4]:
        raise Unreadable("bad_type", f"{where} is no at:// address with a DID")
    return parts[2]


def _when(item: Item, record: Item | None = None) -> datetime:
    """When the service saw it; when it says to be made, where that is long before."""
    made = (record or item).maybe_moment("createdAt")
    seen = item.maybe_moment("indexedAt")
    if seen is None:
        return made or item.moment("indexedAt")
    return made if made is not None and made < seen - MOVED_IN else seen


def _reference(record: Item, *names: str) -> str | None:
    found: Item | None = record
    for name in names:
        found = found.maybe_item(name) if found else None
    return _content(found) if found else None


def _quoted(record: Item) -> str | None:
    """The post that a post shows, alone or beside pictures; lists and feeds are shown the same way."""
    embed = record.maybe_item("embed")
    shown = embed.maybe_item("record") if embed else None
    if shown is not None and "record" in shown.value:
        shown = shown.maybe_item("record")
    uri = shown.maybe_text("uri") if shown else None
    if uri is None or _POSTS not in uri:
        return None
    author_of(uri, record.place("embed"))
    return uri


def _features(record: Item, kind: str, name: str) -> Iterator[str]:
    """What the marks in a text point at."""
    for facet in record.sequence("facets"):
        features = facet.get("features") if isinstance(facet, dict) else None
        for feature in features if isinstance(features, list) else []:
            if isinstance(feature, dict) and feature.get("$type") == f"app.bsky.richtext.facet#{kind}":
                value = feature.get(name)
                if isinstance(value, str) and value.isprintable():
                    yield value


def _named(record: Item) -> Iterable[str]:
    return (did for did in _features(record, "mention", "did") if did.startswith("did:"))


def _tags(record: Item) -> Iterable[str]:
    return _features(record, "tag", "tag")
