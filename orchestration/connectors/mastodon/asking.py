"""One day asked of servers that speak Mastodon's API."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import quote, urlsplit

from dlt.sources.helpers.rest_client.paginators import HeaderLinkPaginator
from requests import Request, Response

from orchestration.connectors.answers import Answer, Unreadable
from orchestration.connectors.client import AnswerError, Client
from orchestration.connectors.fields import Node, identity, moment, node
from orchestration.connectors.mastodon.profiles import account_id, qualified
from orchestration.connectors.mastodon.statuses import Reply, content_id, is_public, unresolved
from orchestration.connectors.network import Asked, ConnectorError, Watched

MOST_PAGES_OF_FOLLOWS = 10
"""Of 80 accounts each, newest first on most servers: all followers of the famous are too many for a day."""

_MOST_POSTS, _MOST_ACCOUNTS = 40, 80


class LinkOrLast(HeaderLinkPaginator):
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
            for status in statuses:
                self._note_own(status, known, oldest)
        for endpoint in ("followers", "following"):
            with self.client.apart(f"{endpoint} of an account on {self.domain}"):
                self._ask_follows(endpoint, number, about, _count(profile, f"{endpoint}_count"))

    def ask_parents(self) -> None:
        """What was answered in replies that the feeds show, each once."""
        for number, replies in self.replies.items():
            about = {
                "domain": self.domain,
                "status_id": number,
                "replies": json.dumps(
                    [[r.content, r.actor, r.at.isoformat(), r.target] for r in dict.fromkeys(replies)]
                ),
            }
            with self.client.apart(f"a post that was answered on {self.domain}"):
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
                if known == 0 and (counts or endpoint == "quotes"):
                    continue
                with self.client.apart(f"{endpoint} of a post on {self.domain}"):
                    self._ask_reactions(endpoint, own, most)

    def _ask_reactions(self, endpoint: str, own: Own, most: int | None) -> None:
        url = self._url("statuses", own.number, endpoint)
        if most is None:
            self.client.get(endpoint, url, about=own.about)
            return
        for _ in self.client.pages(endpoint, url, {"limit": most}, own.about, HeaderLinkPaginator()):
            pass

    def _ask_follows(self, endpoint: str, number: str, about: dict[str, str], promised: int | None) -> None:
        seen = pages = 0

        def enough(page: Answer) -> bool:
            nonlocal seen, pages
            seen, pages = seen + len(listed(page)), pages + 1
            return pages >= MOST_PAGES_OF_FOLLOWS

        url = self._url("accounts", number, endpoint)
        for _ in self.client.pages(
            endpoint, url, {"limit": _MOST_ACCOUNTS}, about, HeaderLinkPaginator(), stop=enough
        ):
            pass
        if pages >= MOST_PAGES_OF_FOLLOWS and (promised or 0) > seen:
            self.client.note(
                f"mastodon: of {promised} {endpoint} of an account the newest {seen} were asked for"
            )

    def _profile(self, watched: Watched) -> Node:
        known = qualified(name_of(watched), self.domain)
        acct = known.removesuffix(f"@{self.domain}")
        about = {"domain": self.domain}
        try:
            answer = self.client.get("account", self._url("accounts", "lookup"), {"acct": acct}, about)
        except AnswerError as error:
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
    servers = [Server(client, asked, base, instance(client, base)) for base in bases]
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
                except AnswerError as error:
                    if error.status == 401 and asked.settings.mastodon_token is None:
                        raise ConnectorError(
                            f"{server.domain} answers nobody without a token: set STATURE_MASTODON_TOKEN."
                        ) from None
                    raise
        server.ask_parents()
        server.ask_reactions()


def instance(client: Client, base: str) -> str:
    """The domain in the names of a server's own accounts, which may be another than its address's."""
    host = urlsplit(base).netloc.lower()
    for endpoint, field_of in (("/api/v2/instance", "domain"), ("/api/v1/instance", "uri")):
        try:
            said = node(client.get("instance", base + endpoint).json(), "instance").get(field_of)
        except (AnswerError, Unreadable):
            continue
        if isinstance(said, str) and said.strip():
            # Some write an address where a domain belongs.
            domain = said.strip().lower()
            return urlsplit(domain).netloc if "://" in domain else domain.rstrip("/")
    return host


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


def replies_of(answer: Answer) -> list[tuple[str, str, str, str | None]]:
    """What `ask_parents` wrote down about the replies to a post."""
    return [tuple(reply) for reply in json.loads(answer.about.get("replies", "[]"))]
