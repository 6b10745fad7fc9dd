"""What is asked of YouTube: channels, their newest videos, the comments under these and the replies to them.

A project has 10,000 units a day, and each call below costs one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dlt.sources.helpers.rest_client.paginators import BasePaginator, JSONResponseCursorPaginator

from orchestration.connectors.answers import Answer, Unreadable
from orchestration.connectors.client import AnswerError, Client
from orchestration.connectors.fields import maybe_count, maybe_moment, maybe_text, objects
from orchestration.connectors.network import Asked
from orchestration.connectors.youtube.reading import is_public

_CHANNEL = {"part": "snippet,statistics,contentDetails,status", "maxResults": 50}
_UPLOADS = {"part": "contentDetails,status", "maxResults": 50}
_VIDEO = {"part": "snippet,status,statistics,topicDetails"}  # with ids, maxResults is none of its parameters
_THREADS = {"part": "snippet,replies", "maxResults": 100, "order": "time", "textFormat": "plainText"}
_REPLIES = {"part": "snippet", "maxResults": 100, "textFormat": "plainText"}
_SUBSCRIPTIONS = {"part": "snippet", "maxResults": 50, "order": "alphabetical"}
_IDS_A_CALL = 50
_MOST_PAGES = 20  # of the comments under a video: two thousand
_CHANNEL_ID = re.compile(r"UC[A-Za-z0-9_-]{22}", re.ASCII)
_QUOTA = re.compile(rb'"reason"\s*:\s*"(quotaExceeded|dailyLimitExceeded)')
_NO_KEY = re.compile(
    r'"reason"\s*:\s*"(keyInvalid|keyExpired|API_KEY_INVALID|accessNotConfigured|ipRefererBlocked)'
)
_TOO_FAST = re.compile(rb'"reason"\s*:\s*"(userRateLimitExceeded|rateLimitExceeded)')
_PACIFIC = ZoneInfo("America/Los_Angeles")
_A_MINUTE = 60.0


def later(status: int, body: bytes, now: float) -> float | None:
    """Seconds that a refusal asks to wait, which YouTube says in its body; None for other refusals.

    The quota begins anew at midnight in California.
    """
    if status not in (403, 429):
        return None
    if _QUOTA.search(body):
        here = datetime.fromtimestamp(now, _PACIFIC)
        # Through UTC: between local moments Python ignores that clocks are changed in that night.
        midnight = datetime(here.year, here.month, here.day, tzinfo=_PACIFIC) + timedelta(days=1)
        return midnight.astimezone(UTC).timestamp() - now
    return _A_MINUTE if _TOO_FAST.search(body) else None


def meant(status: int, body: str) -> int:
    """A key that is no good is answered with 400 or 403, and a reason."""
    return 401 if status in (400, 403) and _NO_KEY.search(body) else status


def check(client: Client) -> str:
    """A key is nobody, and may only look: that it does."""
    client.get("languages", "/youtube/v3/i18nLanguages", {"part": "snippet"})
    return "a key"


def pull(client: Client, asked: Asked) -> None:
    for channel in list(_channels(client, asked)):
        account_id = channel["id"]
        with client.apart(f"channel {account_id}"):
            details = channel.get("contentDetails")
            playlists = details.get("relatedPlaylists") if isinstance(details, dict) else None
            uploads = playlists.get("uploads") if isinstance(playlists, dict) else None
            # The list of a channel that has no video yet is not found.
            if isinstance(uploads, str) and uploads and _count(channel, "videoCount") != 0:
                since = min(asked.since, asked.until - timedelta(days=asked.reaction_days))
                newest = list(_uploads(client, uploads, account_id, since, asked.until))
                for video in filter(_open, _videos(client, newest, account_id)):
                    _comments(client, account_id, video)
        with client.apart(f"subscriptions of {account_id}"):
            _subscriptions(client, account_id)


def _channels(client: Client, asked: Asked) -> Iterator[dict[str, Any]]:
    """The channels asked for, each once: by id fifty at a time, by handle one by one."""
    ids: set[str] = set()
    handles: set[str] = set()
    for watched in asked.accounts:
        if watched.account_id or _CHANNEL_ID.fullmatch(watched.handle or ""):
            ids.add(watched.account_id or watched.handle or "")
        elif watched.handle:
            handles.add(watched.handle.removeprefix("@").lower())
    wanted = sorted(ids)
    calls = [{"id": ",".join(wanted[at : at + _IDS_A_CALL])} for at in range(0, len(wanted), _IDS_A_CALL)] + [
        {"forHandle": f"@{handle}"} for handle in sorted(handles)
    ]
    seen: set[str] = set()
    for which in calls:
        what = next(iter(which.values()))
        with client.apart(f"channels {what}"):
            found = objects(
                client.get("channels", "/youtube/v3/channels", {**_CHANNEL, **which}).json(), "items"
            )
            if not found:
                client.note(f"there is no channel {what}")
            for channel in found:
                if isinstance(channel.get("id"), str) and channel["id"] not in seen:
                    seen.add(channel["id"])
                    yield channel


def _uploads(
    client: Client, playlist: str, account_id: str, since: datetime, until: datetime
) -> Iterator[str]:
    """Ids of a channel's videos that were published in [since, until); its list has the newest first."""

    def old(answer: Answer) -> bool:
        published = [when for _, when in _published(answer)]
        return bool(published) and max(published) < since

    params = {**_UPLOADS, "playlistId": playlist}
    about = {"account_id": account_id}
    pages = client.pages("playlist_items", "/youtube/v3/playlistItems", params, about, _pages(), old)
    for answer in pages:
        for video, when in _published(answer):
            if since <= when < until:
                yield video


def _published(answer: Answer) -> Iterator[tuple[str, datetime]]:
    for item in objects(answer.json(), "items"):
        try:
            video = maybe_text(item, "contentDetails", "videoId")
            when = maybe_moment(item, "contentDetails", "videoPublishedAt")
        except Unreadable:
            continue  # the mapping refuses it
        if video and when:
            yield video, when


def _videos(client: Client, ids: list[str], account_id: str) -> Iterator[dict[str, Any]]:
    distinct = list(dict.fromkeys(ids))
    for at in range(0, len(distinct), _IDS_A_CALL):
        params = {**_VIDEO, "id": ",".join(distinct[at : at + _IDS_A_CALL])}
        answer = client.get("videos", "/youtube/v3/videos", params, {"account_id": account_id})
        yield from objects(answer.json(), "items")


def _open(video: dict[str, Any]) -> bool:
    try:
        return is_public(video)
    except Unreadable:
        return False


def _comments(client: Client, account_id: str, video: dict[str, Any]) -> None:
    content = video.get("id")
    if not isinstance(content, str) or not _count(video, "commentCount"):
        return  # none, or they are switched off: then there is no count
    about = {"content_id": content, "account_id": account_id}
    with client.apart(f"comments under {content}"):
        threads = client.pages(
            "comment_threads", "/youtube/v3/commentThreads", {**_THREADS, "videoId": content}, about, _pages()
        )
        try:
            for number, answer in enumerate(threads, start=1):
                for thread in objects(answer.json(), "items"):
                    _replies(client, thread)
                if number == _MOST_PAGES:
                    client.note(f"the newest {number * 100:,} comments under {content} are asked for")
                    break
        except AnswerError as error:
            if error.status != 403:
                raise
            client.note("comments are switched off under some videos")


def _replies(client: Client, thread: dict[str, Any]) -> None:
    """The replies of a thread, where it does not bring them all: it has five at most."""
    try:
        top = maybe_text(thread, "snippet", "topLevelComment", "id")
        author = maybe_text(thread, "snippet", "topLevelComment", "snippet", "authorChannelId", "value")
        told = maybe_count(thread, "snippet", "totalReplyCount")
    except Unreadable:
        return
    if not top or not author or not told or told <= len(objects(thread, "replies", "comments")):
        return
    about = {"content_id": top, "account_id": author}
    with client.apart(f"replies to {top}"):
        params = {**_REPLIES, "parentId": top}
        for _ in client.pages("comments", "/youtube/v3/comments", params, about, _pages()):
            pass


def _subscriptions(client: Client, account_id: str) -> None:
    """Whom a channel follows, which most keep to themselves."""
    params = {**_SUBSCRIPTIONS, "channelId": account_id}
    about = {"account_id": account_id}
    pages = client.pages("subscriptions", "/youtube/v3/subscriptions", params, about, _pages())
    try:
        for _ in pages:
            pass
    except AnswerError as error:
        if error.status != 403:
            raise
        client.note("some channels keep to themselves whom they subscribe to")


def _count(item: dict[str, Any], of: str) -> int | None:
    try:
        return maybe_count(item, "statistics", of)
    except Unreadable:
        return None


def _pages() -> BasePaginator:
    return JSONResponseCursorPaginator(cursor_path="nextPageToken", cursor_param="pageToken")
