"""One day asked of servers that speak Mastodon's API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from dlt.sources.helpers.rest_client.paginators import HeaderLinkPaginator
from requests import Request, Response

from orchestration.connectors.answers import Answer, Unreadable
from orchestration.connectors.client import AnswerError, Client
from orchestration.connectors.fields import Node, identity, moment, node
from orchestration.connectors.follow_lists import PROMISED
from orchestration.connectors.mastodon.profiles import account_id, qualified
from orchestration.connectors.mastodon.statuses import content_id, is_public, spread, unresolved
from orchestration.connectors.network import Asked, ConnectorError, Watched
from orchestration.connectors.replies import Reply, waiting

MOST_PAGES_OF_FOLLOWS = 10
"""Of 80 accounts each, newest first on most servers: all followers of the famous are too many for a day."""

_MOST_POSTS, _MOST_ACCOUNTS = 40, 80


class Link(HeaderLinkPaginator):
    """The next page as the Link header says, on the server that was asked: some call themselves otherwise."""

    def update_request(self, request: Request) -> None:
        here = urlsplit(str(request.url))
        super().update_request(request)
        there = urlsplit(str(request.url))
        if there.netloc != here.netloc:
            request.url = urlunsplit(here._replace(query=there.query))


class LinkOrLast(Link):
    """The next page as the Link header says; on a server without one, what is older than the page's last."""

    def __init__(self) -> None:
        super().__init__()
        self._last: str | None = None

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        super().update_state(response, data)
        if not self.has_next_page and "Link" not in response.headers:
            self._last = _last_of(response)
            self._has_next_page = self._last is not None

    def update_request(self, request: Request) -> None:
        if self._last is None:
            super().update_request(request)
        else:
            parts = urlsplit(str(request.url))
            query = [(name, value) for name, value in parse_qsl(parts.query) if name != "max_id"]
            request.url = urlunsplit(parts._replace(query=urlencode(query)))
            request.params = {**cast("dict[str, Any]", request.params or {}), "max_id": self._last}


def _last_of(response: Response) -> str | None:
    listed = response.json()
    return identity(node(listed[-1], "last"), "id") if isinstance(listed, list) and listed else None


@dataclass(frozen=True)
class Own:
    """A post of a watched account, whose reactions may be asked for."""

    number: str
    about: dict[str, str]
    counts: dict[str, int]


@dataclass
class Server:
    """One server, and what its answers have told so far."""

    client: Client
    asked: Asked
    base: str
    domain: str
    own: dict[str, Own] = field(default_factory=dict)
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    is_snac: bool = False
    is_closed: bool = False

    def ask_account(self, watched: Watched) -> None:
        """Its profile, its posts as far back as reactions are asked for, and who follows whom."""
        profile = self._profile(watched)
        number, known = identity(profile, "id"), account_id(profile, self.domain)
        about = {"domain": self.domain, "account_id": known}
        oldest = self.asked.since - timedelta(days=self.asked.reaction_days)
        pages = self.client.pages(
            "account_statuses",
            self._url("accounts", number, "statuses"),
            {"limit": _MOST_POSTS},
            {**about, "parents": "asked"},
            LinkOrLast(),
            stop=lambda page: _reaches_back(listed(page), oldest),
        )
        for page in pages:
            statuses = listed(page)
            for reply in unresolved(page, statuses, self.asked.since, self.asked.until):
                self.replies.setdefault(reply.parent, []).append(reply)
            for status in (part for one in statuses for part in spread(one)):
                self._note_own(status, known, oldest)
        for endpoint in ("followers", "following"):
            # snac gives whom the token's owner follows, whosever list is asked for.
            if endpoint == "following" and (self.is_snac or _count(profile, "following_count") == 0):
                continue
            with self.client.apart(f"{endpoint} of an account on {self.domain}"):
                self._ask_follows(endpoint, number, about, _count(profile, f"{endpoint}_count"))

    def ask_parents(self) -> None:
        """What was answered in replies that the feeds show, each once."""
        for number, replies in self.replies.items():
            about = {
                "domain": self.domain,
                "status_id": number,
                **waiting(replies),
            }
            with self._of_posts("a post that was answered"):
                self.client.get("parent", self._url("statuses", number), about=about)

    def ask_reactions(self) -> None:
        """What others did with the posts: each list on its own, so that one that fails costs only itself.

        Counters save asking for lists that are empty, but for a server on which a counter is 0 everywhere:
        that one does not count at all.
        """
        lists = (
            ("context", "replies_count", None),
            ("reblogged_by", "reblogs_count", _MOST_ACCOUNTS),
            ("favourited_by", "favourites_count", _MOST_ACCOUNTS),
            ("quotes", "quotes_count", _MOST_POSTS),
        )
        for endpoint, counter, most in lists:
            counts = any(own.counts.get(counter) for own in self.own.values())
            for own in self.own.values():
                # Quotes are new: a server that does not name their number does not know them.
                known = own.counts.get(counter, 0 if endpoint == "quotes" else None)
                if self.is_closed or (known == 0 and (counts or endpoint == "quotes")):
                    continue
                with self._of_posts(f"{endpoint} of a post"):
                    self._ask_reactions(endpoint, own, most)

    @contextmanager
    def _of_posts(self, what: str) -> Iterator[None]:
        """Something of a post, on its own; a server that shows it to nobody without a token is noted once."""
        with self.client.apart(f"{what} on {self.domain}"):
            try:
                yield
            except AnswerError as error:
                if error.status != 401 or self.asked.settings.mastodon_token is not None:
                    raise
                self.is_closed = True
                self.client.note(
                    f"{self.domain} shows replies and reactions to nobody without STATURE_MASTODON_TOKEN"
                )

    def _ask_reactions(self, endpoint: str, own: Own, most: int | None) -> None:
        url = self._url("statuses", own.number, endpoint)
        if most is None:
            self.client.get(endpoint, url, about=own.about)
            return
        for _ in self.client.pages(endpoint, url, {"limit": most}, own.about, Link()):
            pass

    def _ask_follows(self, endpoint: str, number: str, about: dict[str, str], promised: int | None) -> None:
        seen = pages = 0

        def enough(page: Answer) -> bool:
            nonlocal seen, pages
            seen, pages = seen + len(listed(page)), pages + 1
            return pages >= MOST_PAGES_OF_FOLLOWS

        url = self._url("accounts", number, endpoint)
        # Without links to next pages every list ends with its first: the counter says whether that is all.
        told = {**about, PROMISED: str(promised)} if promised is not None else about
        pages_of = self.client.pages(
            endpoint, url, {"limit": _MOST_ACCOUNTS}, told, Link(), stop=enough, mark_end=promised is not None
        )
        for _ in pages_of:
            pass
        if pages >= MOST_PAGES_OF_FOLLOWS and (promised or 0) > seen:
            self.client.note(
                f"mastodon: of {promised} {endpoint} of an account the newest {seen} were asked for"
            )

    def _profile(self, watched: Watched) -> Node:
        known, acct = qualified(name_of(watched), self.domain), name_of(watched)
        if acct.lower().endswith(f"@{self.domain}"):
            acct = acct[: -len(self.domain) - 1]
        about = {"domain": self.domain}
        try:
            answer = self.client.get("account", self._url("accounts", "lookup"), {"acct": acct}, about)
        except AnswerError as error:
            if error.status == 401 and self.asked.settings.mastodon_token is None:
                raise ConnectorError(
                    f"{self.domain} answers nobody without a token: set STATURE_MASTODON_TOKEN."
                ) from None
            if error.status != 404 or self.asked.settings.mastodon_token is None:
                raise
            # Whom no one here follows yet is only found by a search, which is not open to strangers.
            params = {"q": f"@{known}", "type": "accounts", "resolve": "true", "limit": 1}
            found = self.client.get("search", f"{self.base}/api/v2/search", params, about).json()
            accounts = node(found, "search").get("accounts")
            if not isinstance(accounts, list) or not accounts:
                raise
            profile = node(accounts[0], "accounts")
            if account_id(profile, self.domain) != known:
                raise
            return profile
        return node(answer.json(), "account")

    def _note_own(self, status: object, known: str, oldest: datetime) -> None:
        try:
            post = node(status, "status")
            at = moment(post, "created_at")
            author = account_id(node(post.get("account"), "account"), self.domain)
            if not is_public(post) or post.get("reblog") is not None or author != known:
                return
            if not oldest <= at < self.asked.until:
                return
            content, number = content_id(post, self.domain), identity(post, "id")
            about = {
                "domain": self.domain,
                "status_id": number,
                "content_id": content,
                "account_id": known,
                "at": at.isoformat(),
            }
            counters = ("replies_count", "reblogs_count", "favourites_count", "quotes_count")
            counts = {name: count for name in counters if (count := _count(post, name)) is not None}
            self.own.setdefault(number, Own(number, about, counts))
        except Unreadable:
            return  # refused where its row is made

    def _url(self, *path: str) -> str:
        return "/".join([f"{self.base}/api/v1", *(quote(part, safe="") for part in path)])


def ask(client: Client, asked: Asked, bases: Sequence[str]) -> None:
    """Ask each server for the accounts that are at home there, and the first for all others."""
    servers = []
    for base in bases:
        domain, version = instance(client, base)
        servers.append(Server(client, asked, base, domain, is_snac="snac/" in version))
    wanted = {server.domain: dict[str, Watched]() for server in servers}
    for watched in asked.accounts:
        name = qualified(name_of(watched), servers[0].domain)
        home = name.rpartition("@")[2]
        wanted[home if home in wanted else servers[0].domain].setdefault(name, watched)
    for server in servers:
        for watched in wanted[server.domain].values():
            with client.apart(f"account {name_of(watched)}"):
                try:
                    server.ask_account(watched)
                except Unreadable as problem:
                    raise AnswerError(f"what {server.domain} says of it cannot be read: {problem}") from None
        server.ask_parents()
        server.ask_reactions()


def instance(client: Client, base: str) -> tuple[str, str]:
    """The domain in the names of a server's own accounts, which may not be its address's; and its version."""
    host = urlsplit(base).netloc.lower()
    for path, name in (("/api/v2/instance", "domain"), ("/api/v1/instance", "uri")):
        try:
            said = node(client.get("instance", base + path).json(), "instance")
        except (AnswerError, Unreadable):
            continue
        domain, version = said.get(name), said.get("version")
        if isinstance(domain, str) and domain.strip():
            # Some write an address where a domain belongs.
            bare = domain.strip().lower()
            bare = urlsplit(bare).netloc if "://" in bare else bare.rstrip("/")
            return bare or host, version if isinstance(version, str) else ""
    return host, ""


def name_of(watched: Watched) -> str:
    """`user` or `user@host`, as servers look it up."""
    return (watched.account_id or watched.handle or "").strip().lstrip("@")


def listed(page: Answer) -> list[Any]:
    """The items of a page; none where it is no list, which the mapping refuses."""
    try:
        body = page.json()
    except Unreadable:
        return []
    return body if isinstance(body, list) else []


def _count(within: Node, name: str) -> int | None:
    """A counter, if it is one: what is wrong with it is said where its row is made."""
    value = within.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _reaches_back(statuses: Sequence[object], oldest: datetime) -> bool:
    """Whether a page, the newest first, ends before `oldest`. One without any time does not."""
    for status in reversed(statuses):
        try:
            return moment(node(status, "status"), "created_at") < oldest
        except Unreadable:
            continue
    return False
