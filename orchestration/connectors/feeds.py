"""Feeds: RSS, Atom and JSON Feed. Posts, and links from one followed blog to another, which are mentions.

The account is the blog, because feeds name authors and do not identify them. A blog's id is its address,
taken from the feed's own address and never from what the feed says of itself: so no feed can speak for
another blog. A post's id is `<blog>#<the entry's id>`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.client import Client, ConnectorError
from orchestration.connectors.contract_rows import account, activity, topics_of
from orchestration.connectors.feed_forms import Entry, Feed, read_feed, write_feed
from orchestration.connectors.fields import whole
from orchestration.connectors.network import Asked, Network
from orchestration.connectors.sites import address_of, is_public_name, site_among

NETWORK = Network(
    name="feeds",
    base_url="",
    page="https://www.jsonfeed.org/version/1.1/",
    needs=("feeds",),
    history="what the feed still shows, mostly its newest 10 to 50 entries",
    blind="comments, likes, readers, deletions, entries without a date, links from unfollowed blogs",
    proof="recorded answers",
)

FIELDS: dict[str, dict[str, str]] = {}
"""Feeds have no machine-readable description; feedparser knows their forms."""

_MOST_ID = 480
# Names that say "here is the feed" and not which blog it is of.
_FEED_PART = re.compile(
    r"(feeds?|rss2?|atom|index|posts|default|all|blog-feed|feed-\w+)?(\.(xml|rss2?|rdf|atom|json|php|aspx))?"
)
_OPML = re.compile(r"<opml[\s>]", re.IGNORECASE)


@dataclass(frozen=True)
class Followed:
    """A feed to ask for, and the blog that it is of, by its id."""

    url: str
    blog: str


# --- which feeds ----------------------------------------------------------------------------------


def followed(settings: Iterable[str]) -> list[Followed]:
    """The feeds that STATURE_FEEDS names, each once: addresses, and files with a list of them or OPML.

    An address may say its blog after a bar: `https://feeds.example/ada|https://ada.blog`; in OPML `htmlUrl`
    does.
    ConnectorError where a file cannot be read.
    """
    return _once(feed for entry in settings for feed in _entry(entry))


def blog_of(url: str) -> str:
    """The blog that a feed is of, as its address tells: parts that only say "feed" are left out.

    `https://ada.blog/feed.xml` and `https://ada.blog/feeds/posts/default` are of `ada.blog`,
    `https://medium.com/feed/@ada` is of `medium.com/@ada`. A query is part of the id: it says whose feed.
    """
    address = address_of(url)
    if address is None:
        raise ConnectorError(f"STATURE_FEEDS: {_shown(url)} is no address of the web.")
    host, *parts = address.split("/")
    kept = [part for part in parts if not _FEED_PART.fullmatch(part.lower())]
    query = urlsplit(url).query
    return "/".join([host, *kept]) + (f"?{query}" if query else "")


def _entry(entry: str) -> list[Followed]:
    if re.match(r"https?://", entry, re.IGNORECASE):
        return [_followed(entry)]
    path = Path(entry).expanduser()
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConnectorError(f"STATURE_FEEDS: {entry} is no address and no file of UTF-8: {error}.") from None
    if not _OPML.search(content):
        lines = [line.strip() for line in content.splitlines()]
        return [_followed(line) for line in lines if line and not line.startswith("#")]
    try:
        outlines = list(ElementTree.fromstring(content).iter("outline"))  # noqa: S314 - the user's own file
    except ElementTree.ParseError as error:
        raise ConnectorError(f"STATURE_FEEDS: {entry} is no OPML that can be read: {error}.") from None
    named = [(line.get("xmlUrl"), line.get("htmlUrl")) for line in outlines]
    return [_followed(f"{url}|{home or ''}") for url, home in named if url]


def _followed(line: str) -> Followed:
    url, _, home = (part.strip() for part in line.partition("|"))
    return Followed(urlsplit(url).geturl(), (address_of(home) if home else None) or blog_of(url))


def _once(feeds: Iterable[Followed]) -> list[Followed]:
    """Each address once, with the blog that was said of it first."""
    found: dict[str, Followed] = {}
    for feed in feeds:
        found.setdefault(feed.url, feed)
    return list(found.values())


def _shown(url: str) -> str:
    """An address without what may be a secret in it."""
    return url.partition("?")[0].rpartition("@")[2][:120]


# --- asking ---------------------------------------------------------------------------------------


def pull(client: Client, asked: Asked) -> None:
    """Every feed of the settings, the watch list and the CRM's contacts, each once."""
    feeds = _asked_for(asked)
    # What is needed to see that a link leads to a followed blog; the answer alone does not say it.
    blogs = json.dumps(sorted({feed.blog for feed in feeds}))
    for feed in feeds:
        with client.apart(f"feed of {feed.blog}"):
            about = {"blog": feed.blog, "blogs": blogs}
            client.get("feed", feed.url, about=about, form="text", revalidate=True)


def check(client: Client) -> str:
    """What the first feed of the settings calls itself."""
    feeds = followed(client.settings.feeds)
    if not feeds:
        raise ConnectorError("STATURE_FEEDS names no feed.")
    try:
        feed = read_feed(client.get("feed", feeds[0].url, form="text").body)
    except Unreadable as error:
        raise ConnectorError(f"{feeds[0].blog}: {error.detail}.") from None
    return f"{feed.title or 'a feed without a title'}, {len(feed.entries)} entries"


def _asked_for(asked: Asked) -> list[Followed]:
    feeds = followed(asked.settings.feeds)
    for watched in asked.accounts:
        stated = watched.handle or watched.account_id or ""
        url = stated if "://" in stated else f"https://{stated}"
        # A contact's own statement makes us ask no machine of our own network.
        if watched.origin == "watch" or (watched.origin == "crm" and is_public_name(url)):
            feeds.append(_followed(url))
    return _once(feeds)


# --- reading --------------------------------------------------------------------------------------


def rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    """The contract rows in an answer. Pure, and raises for no body whatever."""
    yield from whole(answer, lambda: _rows(answer, reading))


def _rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    if answer.endpoint != "feed":
        return
    feed, blog = read_feed(answer.body), _blog(answer)
    blogs = _blogs(answer)
    said = {"display_name": _short(feed.title), "language": _short(feed.language)}
    yield account("feeds", blog, blog, answer.received_at, **said)
    for number, entry in enumerate(feed.entries):
        try:
            yield from _entry_rows(entry, blog, blogs, reading)
        except Unreadable as error:
            yield Refused(error.reason, f"{answer.endpoint}: entry[{number}]: {error.detail}")


def kept(answer: Answer, reduce: Callable[[str], str]) -> Answer:
    """The feed as it may be stored: in the form of a JSON Feed, texts reduced, links to followed blogs alone.

    Authors' names go: the account is the blog.
    """
    try:
        feed, blogs = read_feed(answer.body), _blogs(answer)
    except Unreadable as error:
        # Nobody could tell what in it is text. What is left is refused for the same reason.
        return replace(answer, body="{" if error.reason == "bad_json" else "")
    entries = tuple(_reduced(entry, blogs, reduce) for entry in feed.entries)
    linked = {site for entry in entries for link in entry.links if (site := site_among(link, blogs))}
    about = {**answer.about, "blogs": json.dumps(sorted(linked))} if "blogs" in answer.about else answer.about
    return replace(answer, body=write_feed(Feed(feed.title, feed.language, entries)), about=about)


def _reduced(entry: Entry, blogs: frozenset[str], reduce: Callable[[str], str]) -> Entry:
    return replace(
        entry,
        texts=tuple(filter(None, map(reduce, entry.texts))),
        links=tuple(link for link in entry.links if site_among(link, blogs)),
    )


def _entry_rows(entry: Entry, blog: str, blogs: frozenset[str], reading: Reading) -> Iterator[Row]:
    if entry.published is None:
        raise Unreadable("null_required", "date")
    if not reading.covers(entry.published):
        return
    own = entry.id or entry.url
    if own is None:
        raise Unreadable("null_required", "id and link")
    if len(own) > _MOST_ID - len(blog):
        own = hashlib.sha256(own.encode()).hexdigest()
    content = f"{blog}#{own}"
    topics = topics_of(reading, entry.texts, entry.tags)
    yield activity("feeds", "post", content, actor=blog, at=entry.published, content=content, topics=topics)
    named = dict.fromkeys(site for link in entry.links if (site := site_among(link, blogs)))
    for site in named:
        # A link within the blog is for finding the way, and names nobody.
        if site != blog:
            made = f"mention:{content}:{site}"
            yield activity(
                "feeds", "mention", made, actor=blog, at=entry.published, target=site, topics=topics
            )


def _blog(answer: Answer) -> str:
    if blog := answer.about.get("blog"):
        return blog
    try:
        return blog_of(answer.url)
    except ConnectorError:
        raise Unreadable("missing_column", "which blog's feed it is, is not known") from None


def _blogs(answer: Answer) -> frozenset[str]:
    try:
        found = json.loads(answer.about.get("blogs", "[]"))
    except ValueError:
        return frozenset()
    return frozenset(blog for blog in (found if isinstance(found, list) else ()) if isinstance(blog, str))


def _short(text: str | None) -> str | None:
    return text[:1000] if text else None
