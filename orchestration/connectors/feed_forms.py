"""The forms of feeds: RSS, Atom and JSON Feed, each read into the same entries.

feedparser reads XML of every age and also what is none; it resolves no entity from outside, and expat bounds
the growth of those inside. It is given bytes and never text: text it would take for an address or a file.
"""

from __future__ import annotations

import calendar
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import feedparser

from orchestration.connectors.answers import Unreadable
from orchestration.connectors.hypertext import links_of, text_of

MOST_CHARACTERS = 8_000_000
"""A longer body is no feed: thirteen times the longest that we have seen."""

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_JSON_FEED = "https://jsonfeed.org/version/1.1"
_READ = "_read"
_NONE = "the body is neither RSS nor Atom nor JSON Feed"


@dataclass(frozen=True)
class Entry:
    """One entry of a feed. `published` is None where the feed gives no date that can be read.

    `texts` are title and body as plain text, `links` where the body leads, in order.
    """

    id: str | None
    url: str | None
    published: datetime | None
    texts: tuple[str, ...]
    tags: tuple[str, ...]
    links: tuple[str, ...]


@dataclass(frozen=True)
class Feed:
    """A feed: what it calls itself, its language where it says so, and its entries."""

    title: str | None
    language: str | None
    entries: tuple[Entry, ...]


def read_feed(body: str) -> Feed:
    """A feed in any of the forms. Unreadable where it is none of them."""
    if len(body) > MOST_CHARACTERS:
        raise Unreadable("too_long", "the feed")
    start = body[:200].lstrip("\ufeff \t\r\n")
    return _json_feed(body) if start.startswith("{") else _xml_feed(body)


def write_feed(feed: Feed) -> str:
    """A JSON Feed of which `read_feed` gives the same feed again: what was read of bodies is an extension."""
    items = [
        {
            "id": entry.id,
            "url": entry.url,
            "date_published": entry.published.isoformat() if entry.published else None,
            "tags": list(entry.tags),
            _READ: {"texts": list(entry.texts), "links": list(entry.links)},
        }
        for entry in feed.entries
    ]
    said = {"version": _JSON_FEED, "title": feed.title, "language": feed.language, "items": items}
    return json.dumps(said, ensure_ascii=False)


# --- JSON Feed ------------------------------------------------------------------------------------


def _json_feed(body: str) -> Feed:
    try:
        said = json.loads(body.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        raise Unreadable("bad_json", "the feed") from None
    items = said.get("items")
    if not isinstance(items, list) or "jsonfeed.org" not in str(said.get("version")):
        raise Unreadable("bad_type", _NONE)
    entries = tuple(_json_entry(item if isinstance(item, dict) else {}) for item in items)
    return Feed(_text(said.get("title")), _text(said.get("language")), entries)


def _json_entry(item: dict[str, Any]) -> Entry:
    bodies = [markup for key in ("content_html", "summary") if (markup := _text(item.get(key)))]
    plain = [text for key in ("title", "content_text") if (text := _text(item.get(key)))]
    texts: list[Any] = [*plain, *map(text_of, bodies)]
    links: list[Any] = [link for markup in bodies for link in links_of(markup)]
    if isinstance(read := item.get(_READ), dict):
        texts, links = (_list(read.get(key)) for key in ("texts", "links"))
    number = item.get("id")
    return Entry(
        id=str(number) if isinstance(number, int) and not isinstance(number, bool) else _text(number),
        url=_text(item.get("url")),
        published=_iso(_text(item.get("date_published")) or _text(item.get("date_modified"))),
        texts=tuple(filter(None, map(_text, texts))),
        tags=tuple(filter(None, map(_text, _list(item.get("tags"))))),
        links=tuple(filter(None, map(_text, links))),
    )


def _iso(stamp: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(stamp.strip()) if stamp else None
        # RFC 3339 asks for an offset; who leaves it out means UTC, as far as anybody can tell.
        return found and (found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


# --- RSS and Atom ---------------------------------------------------------------------------------


def _xml_feed(body: str) -> Feed:
    try:
        found = feedparser.parse(
            BytesIO(body.encode("utf-8", errors="replace")),
            # The client has decoded the body already, whatever its first line says.
            response_headers={"content-type": "application/xml; charset=utf-8"},
            sanitize_html=False,  # nothing of it is shown to anybody
            resolve_relative_uris=False,
        )
    except Exception:  # noqa: BLE001 - a parser for everything stumbles over something: it is no feed to us
        raise Unreadable("bad_type", _NONE) from None
    if not found.get("version"):
        raise Unreadable("bad_type", _NONE)
    said = found.get("feed", {})
    entries = tuple(map(_xml_entry, found["entries"]))
    return Feed(_text(said.get("title")), _text(said.get("language")), entries)


def _xml_entry(item: Any) -> Entry:
    bodies = list(_bodies(item))
    # Asked as a plain dictionary: feedparser would warn that the one may stand for the other.
    moment = dict.get(item, "published_parsed") or dict.get(item, "updated_parsed")
    return Entry(
        id=_text(item.get("id")),
        url=_text(item.get("link")),
        published=_utc(moment) if moment else None,
        texts=tuple(filter(None, (text_of(markup) for markup in [_text(item.get("title")) or "", *bodies]))),
        tags=tuple(filter(None, (_text(tag.get("term")) for tag in item.get("tags") or ()))),
        links=tuple(dict.fromkeys(link for markup in bodies for link in links_of(markup))),
    )


def _bodies(item: Any) -> Iterator[str]:
    """The entry's texts; where it has the whole, its summary says nothing more."""
    whole = [value for content in item.get("content") or () if (value := _text(content.get("value")))]
    summary = _text(item.get("summary"))
    yield from whole or ([summary] if summary else [])


def _utc(moment: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(calendar.timegm(moment), UTC)
    except (ValueError, OverflowError, OSError, TypeError):
        return None


def _text(value: Any) -> str | None:
    """A text that is not empty, without NUL and halves of letters; None for all else."""
    return (_NO_TEXT.sub("", value).strip() or None) if isinstance(value, str) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
