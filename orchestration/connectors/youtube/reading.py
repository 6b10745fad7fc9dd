"""What YouTube's answers say, as rows; and an answer without what must not be stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.contract_rows import account, accounts_once, activity, deletion, topics_of
from orchestration.connectors.fields import (
    Node,
    a_node,
    array,
    each,
    identity,
    maybe_count,
    maybe_flag,
    maybe_identity,
    maybe_moment,
    maybe_node,
    maybe_text,
    moment,
    node,
    whole,
)
from orchestration.connectors.storing import storable

_NETWORK = "youtube"
_NO_VIDEO = '"videoNotFound"'

FIELDS: Mapping[str, Mapping[str, str]] = {
    "Channel": {
        "id": "string", "snippet.title": "string", "snippet.customUrl": "string", "snippet.country": "string",
        "snippet.defaultLanguage": "string", "snippet.publishedAt": "string",
        "statistics.subscriberCount": "string", "statistics.hiddenSubscriberCount": "boolean",
        "statistics.videoCount": "string", "status.privacyStatus": "string",
        "contentDetails.relatedPlaylists.uploads": "string",
    },
    "PlaylistItem": {
        "contentDetails.videoId": "string", "contentDetails.videoPublishedAt": "string",
        "snippet.resourceId.videoId": "string", "status.privacyStatus": "string",
    },
    "Video": {
        "id": "string", "snippet.channelId": "string", "snippet.publishedAt": "string",
        "snippet.title": "string", "snippet.description": "string", "snippet.tags": "array",
        "topicDetails.topicCategories": "array", "status.privacyStatus": "string",
        "statistics.commentCount": "string",
    },
    "CommentThread": {
        "snippet.videoId": "string", "snippet.channelId": "string", "snippet.isPublic": "boolean",
        "snippet.topLevelComment": "object", "snippet.totalReplyCount": "integer",
        "replies.comments": "array",
    },
    "Comment": {
        "id": "string", "snippet.parentId": "string", "snippet.authorChannelId.value": "string",
        "snippet.authorDisplayName": "string", "snippet.authorChannelUrl": "string",
        "snippet.channelId": "string", "snippet.publishedAt": "string", "snippet.moderationStatus": "string",
    },
    "Subscription": {
        "snippet.channelId": "string", "snippet.resourceId.channelId": "string",
        "snippet.publishedAt": "string",
    },
}  # fmt: skip
"""The fields read here and asked by, by schema of YouTube's discovery document."""

_TEXTS = frozenset({"title", "description", "textDisplay", "textOriginal", "tags", "channelTitle"})
_DROPPED = frozenset(
    {"localized", "localizations", "thumbnails", "player", "brandingSettings", "authorProfileImageUrl"}
)


def rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    content = answer.about.get("content_id")
    if not answer.ok and content and answer.endpoint == "comment_threads" and _NO_VIDEO in answer.body:
        yield deletion(_NETWORK, content, answer.received_at)  # listed a moment ago
    if answer.ok:
        yield from accounts_once(whole(answer, lambda: _rows(answer, reading)))


def _rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    readers: Mapping[str, Callable[[Node], Iterator[Row | Refused]]] = {
        "channels": lambda item: _channel(answer, item),
        "playlist_items": _listed,
        "videos": lambda item: _video(reading, item),
        "comment_threads": lambda item: _thread(answer, reading, item),
        "comments": lambda item: _reply(answer, reading, item),
        "subscriptions": lambda item: _subscription(answer, reading, item),
    }
    body = node(answer.json(), "answer")
    if "items" not in body and "pageInfo" not in body:
        raise Unreadable("missing_column", "items")  # a list of nothing has no items, but says so
    items = array(body, "items")
    if answer.endpoint in readers:
        yield from each(answer, "items", items, readers[answer.endpoint])


def is_public(item: Node) -> bool:
    """Unlisted is not public either: it is meant for those who were given the address."""
    return maybe_text(item, "status", "privacyStatus") in (None, "public")


def _is_published(comment: Node) -> bool:
    """A comment may be held back, which its author's friends alone see."""
    return maybe_text(comment, "snippet", "moderationStatus") in (None, "published")


def _channel(answer: Answer, item: Node) -> Iterator[Row]:
    account_id, snippet = identity(item, "id"), a_node(item, "snippet")
    if not is_public(item):
        return
    hidden = maybe_flag(item, "statistics", "hiddenSubscriberCount")
    yield account(
        _NETWORK,
        account_id,
        (maybe_text(snippet, "customUrl") or "").removeprefix("@") or account_id,
        answer.received_at,
        display_name=maybe_text(snippet, "title"),
        region=maybe_text(snippet, "country"),
        language=maybe_text(snippet, "defaultLanguage"),
        created_at=maybe_moment(snippet, "publishedAt"),
        followers=None if hidden else maybe_count(item, "statistics", "subscriberCount"),
        posts=maybe_count(item, "statistics", "videoCount"),
    )


def _listed(item: Node) -> Iterator[Row]:
    """A line of a channel's list of videos: it says what to ask for, and no more."""
    if not (maybe_identity(item, "contentDetails", "videoId") or maybe_node(item, "snippet")):
        raise Unreadable("null_required", "contentDetails.videoId")
    maybe_moment(item, "contentDetails", "videoPublishedAt")
    yield from ()


def _video(reading: Reading, item: Node) -> Iterator[Row]:
    content, snippet = identity(item, "id"), a_node(item, "snippet")
    at = moment(snippet, "publishedAt")
    if not is_public(item) or not reading.covers(at):
        return
    # Tags are hidden from those who watch, and many are bait: they are read as words that a topic is known
    # by, and never as topics of their own.
    said = [maybe_text({"tag": tag}, "tag") for tag in array(snippet, "tags")]
    said += [_category(link) for link in array(item, "topicDetails", "topicCategories")]
    texts = [maybe_text(snippet, "title"), maybe_text(snippet, "description"), *said]
    yield activity(
        _NETWORK,
        "post",
        content,
        actor=identity(snippet, "channelId"),
        content=content,
        at=at,
        topics=topics_of(reading, texts),
    )


def _category(link: Any) -> str:
    """What an address of Wikipedia is about."""
    address = maybe_text({"topicCategories": link}, "topicCategories") or ""
    return unquote(address.rpartition("/")[2]).replace("_", " ")


def _thread(answer: Answer, reading: Reading, item: Node) -> Iterator[Row | Refused]:
    snippet = a_node(item, "snippet")
    if maybe_flag(snippet, "isPublic") is False:
        return
    top = a_node(snippet, "topLevelComment")
    if not _is_published(top):
        return
    about = answer.about
    channel = maybe_identity(snippet, "channelId") or maybe_identity(top, "snippet", "channelId")
    channel = channel or about.get("account_id")
    # A comment on a channel's own page is about the channel.
    content = maybe_identity(snippet, "videoId") or about.get("content_id") or channel
    if channel is None:
        yield Refused("null_required", f"{answer.endpoint}: snippet.channelId")
    else:
        yield from each(
            answer,
            "snippet.topLevelComment",
            [top],
            lambda comment: _comment(answer, reading, comment, content, channel),
        )
    author = maybe_identity(top, "snippet", "authorChannelId", "value")
    yield from each(
        answer,
        "replies.comments",
        array(item, "replies", "comments"),
        lambda comment: _comment(answer, reading, comment, identity(top, "id"), author),
    )


def _reply(answer: Answer, reading: Reading, item: Node) -> Iterator[Row | Refused]:
    parent = maybe_identity(item, "snippet", "parentId") or answer.about.get("content_id")
    known = parent is not None and parent == answer.about.get("content_id")
    yield from _comment(answer, reading, item, parent, answer.about.get("account_id") if known else None)


def _comment(
    answer: Answer, reading: Reading, item: Node, content: str | None, target: str | None
) -> Iterator[Row | Refused]:
    """A comment on `content`, whose author is `target`."""
    comment, snippet = identity(item, "id"), a_node(item, "snippet")
    at = moment(snippet, "publishedAt")
    if not _is_published(item) or not reading.covers(at):
        return
    author = identity(snippet, "authorChannelId", "value")
    if content is None or target is None:
        raise Unreadable("null_required", "author of what a comment answers")
    name = maybe_text(snippet, "authorDisplayName") or ""
    page = maybe_text(snippet, "authorChannelUrl") or ""
    handle = name if name.startswith("@") else page.rpartition("/")[2]
    handle = handle[1:] if handle.startswith("@") else ""
    yield account(
        _NETWORK,
        author,
        handle or author,
        answer.received_at,
        display_name=None if name.startswith("@") else name or None,
    )
    yield activity(_NETWORK, "reply", comment, actor=author, target=target, content=content, at=at)


def _subscription(answer: Answer, reading: Reading, item: Node) -> Iterator[Row]:
    """A follow with its date. Old ones still stand, and come each time: conform knows a standing pair."""
    target = identity(item, "snippet", "resourceId", "channelId")
    actor = maybe_identity(item, "snippet", "channelId") or answer.about.get("account_id")
    at = moment(item, "snippet", "publishedAt")
    if actor is None:
        raise Unreadable("null_required", "snippet.channelId")
    if at < reading.until:
        yield activity(_NETWORK, "follow", f"follow:{actor}:{target}", actor=actor, target=target, at=at)


def kept(answer: Answer, reduce: Callable[[str], str]) -> Answer:
    """Titles, descriptions and comments reduced; what is unlisted, private or held back gone.

    The titles of channels go as well, but for the channels' own answers: there they are the accounts' names.
    """
    texts = _TEXTS - {"title"} if answer.endpoint == "channels" else _TEXTS
    return storable(answer, reduce, texts=texts, dropped=_DROPPED, private=_private)


def _private(item: Mapping[str, Any]) -> bool:
    status, snippet = item.get("status"), item.get("snippet")
    hidden = isinstance(status, dict) and status.get("privacyStatus") in ("private", "unlisted")
    if isinstance(snippet, dict):
        hidden = hidden or snippet.get("isPublic") is False
        hidden = hidden or snippet.get("moderationStatus") in ("heldForReview", "likelySpam", "rejected")
        top = snippet.get("topLevelComment")
        hidden = hidden or (isinstance(top, dict) and _private(top))
    return hidden
