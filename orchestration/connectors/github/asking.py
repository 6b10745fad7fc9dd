"""What is asked of GitHub: accounts, who reacted to their repositories, and what they did elsewhere.

With a token GitHub answers 5,000 times an hour. A repository costs three or four requests a day, an issue
that somebody wrote on one or two more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from dlt.sources.helpers.rest_client.paginators import BasePaginator, HeaderLinkPaginator

from orchestration.connectors.answers import Answer, Unreadable
from orchestration.connectors.client import Client
from orchestration.connectors.fields import (
    a_node,
    identity,
    maybe_count,
    maybe_identity,
    maybe_moment,
    maybe_node,
    maybe_text,
    node,
    objects,
    text,
)
from orchestration.connectors.github.reading import applauded, is_open, issue_id, tags_of
from orchestration.connectors.network import Asked, Watched

_DATED_STARS = {"Accept": "application/vnd.github.star+json"}
_PAGE = 100
_STARS_IN_REACH = 40_000  # GitHub gives the first 400 pages of a list
_MOST_REPOSITORIES = 100  # of one account: those with most stars, forks and open issues
_MOST_FOLLOW_PAGES = 20
_A_MINUTE = 60.0
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}(\[bot\])?", re.ASCII)


@dataclass(frozen=True)
class _Account:
    id: str
    login: str

    @property
    def path(self) -> str:
        return f"/users/{quote(self.login, safe='')}"


@dataclass(frozen=True)
class _Repository:
    id: str
    full_name: str
    owner: str
    tags: str
    stars: int
    forks: int
    open_issues: int

    @property
    def path(self) -> str:
        return f"/repos/{quote(self.full_name, safe='/')}"

    @property
    def about(self) -> dict[str, str]:
        return {"content_id": self.id, "account_id": self.owner, "tags": self.tags}

    @property
    def heard(self) -> int:
        return self.stars + self.forks + self.open_issues


@dataclass
class _Elsewhere:
    """What an account opened, and reviewed, on repositories that are not its own: (repository, number)."""

    opened: dict[tuple[str, int], None] = field(default_factory=dict)
    reviewed: dict[tuple[str, int], None] = field(default_factory=dict)


def later(status: int, body: bytes, now: float) -> float | None:
    """Seconds to wait where requests came too fast, which GitHub does not always say in a header."""
    too_fast = status in (403, 429) and (b"secondary rate limit" in body or b"abuse detection" in body)
    return _A_MINUTE if too_fast else None


def check(client: Client) -> str:
    """Who the token is."""
    if client.settings.github_token is None:
        client.get("rate_limit", "/rate_limit")
        return "nobody, with 60 requests an hour"
    return f"@{text(node(client.get('me', '/user').json(), 'user'), 'login')}"


def pull(client: Client, asked: Asked) -> None:
    for watched in asked.accounts:
        with client.apart(f"account {watched.handle or watched.account_id}"):
            account = _account(client, watched)
            if account is not None:
                _Asking(client, asked, account).all()


def _account(client: Client, watched: Watched) -> _Account | None:
    handle = (watched.handle or "").removeprefix("@")
    if handle and not _LOGIN.fullmatch(handle):
        client.note(f"{handle} cannot be a login of GitHub")
        return None
    path = (
        f"/users/{quote(handle, safe='')}" if handle else f"/user/{quote(watched.account_id or '', safe='')}"
    )
    try:
        body = node(client.get("user", path).json(), "user")
        return _Account(identity(body, "id"), text(body, "login"))
    except Unreadable as error:
        client.note(f"{watched.handle or watched.account_id} cannot be read: {error.detail}")
        return None


class _Asking:
    """All that is asked about one account."""

    def __init__(self, client: Client, asked: Asked, account: _Account) -> None:
        self.client = client
        self.asked = asked
        self.account = account
        self.reactions_since = min(asked.since, asked.until - timedelta(days=asked.reaction_days))
        self.known: dict[str, _Repository | None] = {}

    def all(self) -> None:
        for repository in self.repositories():
            with self.client.apart(f"repository {repository.full_name}"):
                self.reactions_to(repository)
        self.given()
        self.follows()
        with self.client.apart(f"what {self.account.login} did elsewhere"):
            self.elsewhere()

    # ── what is the account's own ───────────────────────────────────────────────────────────────────────

    def repositories(self) -> list[_Repository]:
        """The account's own ones; of those it forked in these days, where from is asked."""
        params = {"type": "owner", "sort": "pushed", "direction": "desc", "per_page": _PAGE}
        about = {"account_id": self.account.id}
        own: dict[str, _Repository] = {}
        for answer in self.client.pages("user_repos", f"{self.account.path}/repos", params, about, _pages()):
            for item in objects(answer.json()):
                repository = _repository(item)
                if repository is None:
                    continue
                if item.get("fork") is not True:
                    own[repository.id] = repository
                elif (made := _moment(item, "created_at")) and self.asked.since <= made < self.asked.until:
                    with self.client.apart(f"where {repository.full_name} was forked from"):
                        self.client.get("repository", repository.path, None, about)
        in_order = sorted(own.values(), key=lambda repository: (-repository.heard, repository.id))
        if len(in_order) > _MOST_REPOSITORIES:
            self.client.note(
                f"{self.account.login}: the {_MOST_REPOSITORIES} repositories most heard are asked for"
            )
        return in_order[:_MOST_REPOSITORIES]

    def reactions_to(self, repository: _Repository) -> None:
        if repository.heard == 0:
            return
        with self.client.apart(f"stars of {repository.full_name}"):
            self.stars(repository)
        if repository.forks:
            with self.client.apart(f"forks of {repository.full_name}"):
                self.run(
                    "forks",
                    f"{repository.path}/forks",
                    {"sort": "newest"},
                    repository.about,
                    stop=self.before("created_at"),
                )
        with self.client.apart(f"issues of {repository.full_name}"):
            self.issues(repository)

    def stars(self, repository: _Repository) -> None:
        """The newest stars. They are listed oldest first, so the pages are asked for from the end."""
        if repository.stars > _STARS_IN_REACH:
            self.run(
                "repo_events",
                f"{repository.path}/events",
                {},
                repository.about,
                stop=self.before("created_at"),
            )
            self.client.note(f"{repository.full_name}: stars are known from its newest 300 events alone")
        elif repository.stars:
            # The count may be behind the list, so the page is asked for where the next star would be.
            for page in range(repository.stars // _PAGE + 1, 0, -1):
                answer = self.client.get(
                    "stargazers",
                    f"{repository.path}/stargazers",
                    {"per_page": _PAGE, "page": page},
                    repository.about,
                    _DATED_STARS,
                )
                if self.before("starred_at")(answer):
                    return

    def issues(self, repository: _Repository) -> None:
        params = {
            "state": "all",
            "sort": "updated",
            "direction": "desc",
            "since": _written(self.reactions_since),
        }
        pages = self.pages("issues", f"{repository.path}/issues", params, repository.about)
        for answer in pages:
            for issue in objects(answer.json()):
                number = _count(issue, "number")
                if number is not None:
                    with self.client.apart(f"{repository.full_name}#{number}"):
                        self.answers_to(repository, issue, number)

    def answers_to(self, repository: _Repository, issue: dict[str, Any], number: int) -> None:
        """Comments and reviews where something was written since; reactions where the issue is new enough."""
        author = _id(issue, "user", "id")
        if author is None:
            return  # deleted since: nobody is answered
        path = f"{repository.path}/issues/{number}"
        about = {"content_id": issue_id(repository.id, number), "account_id": author}
        updated, made = _moment(issue, "updated_at"), _moment(issue, "created_at")
        if updated is None or updated >= self.asked.since:
            if _count(issue, "comments") != 0:
                since = {"since": _written(self.asked.since)}
                self.run("issue_comments", f"{path}/comments", since, about)
            if isinstance(issue.get("pull_request"), dict):
                self.run("reviews", f"{repository.path}/pulls/{number}/reviews", {}, about)
        if made is not None and made >= self.reactions_since and applauded(issue):
            self.run("reactions", f"{path}/reactions", {}, about)

    # ── what the account does to others ─────────────────────────────────────────────────────────────────

    def given(self) -> None:
        with self.client.apart(f"stars that {self.account.login} gave"):
            self.run(
                "starred",
                f"{self.account.path}/starred",
                {"sort": "created", "direction": "desc"},
                {"account_id": self.account.id},
                stop=self.before("starred_at"),
                headers=_DATED_STARS,
            )

    def follows(self) -> None:
        for endpoint in ("followers", "following"):
            with self.client.apart(f"{endpoint} of {self.account.login}"):
                about = {"account_id": self.account.id}
                pages = self.pages(endpoint, f"{self.account.path}/{endpoint}", {}, about, mark_end=True)
                for number, _ in enumerate(pages, start=1):
                    if number == _MOST_FOLLOW_PAGES:
                        self.client.note(
                            f"{self.account.login}: {number * _PAGE:,} {endpoint} are asked for at most"
                        )
                        break

    def elsewhere(self) -> None:
        """Events tell what an account did, but not who owns what it did it to: that is asked for."""
        found = _Elsewhere()
        pages = self.pages(
            "events",
            f"{self.account.path}/events/public",
            {},
            {"account_id": self.account.id},
            stop=self.before("created_at"),
        )
        for answer in pages:
            for event in objects(answer.json()):
                self.sort(event, found)
        for name, number in found.opened | found.reviewed:
            with self.client.apart(f"{name}#{number}"):
                repository = self.other(name)
                if repository is None:
                    continue
                path = f"{repository.path}/issues/{number}"
                about = {**repository.about, "number": str(number)}
                issue = self.client.get("issue", path, None, about).json()
                author = _id(issue, "user", "id") if isinstance(issue, dict) else None
                if (name, number) in found.reviewed and author is not None:
                    about = {"content_id": issue_id(repository.id, number), "account_id": author}
                    self.run("reviews", f"{repository.path}/pulls/{number}/reviews", {}, about)

    def sort(self, event: dict[str, Any], found: _Elsewhere) -> None:
        try:
            kind, name = maybe_text(event, "type"), maybe_text(event, "repo", "name") or ""
            at, payload = maybe_moment(event, "created_at"), maybe_node(event, "payload")
            issue = maybe_node(payload, "issue") or maybe_node(payload, "pull_request")
            number = maybe_count(issue, "number")
            author = maybe_identity(issue, "user", "id")
        except Unreadable:
            return  # the mapping refuses it
        own = name.lower().startswith(f"{self.account.login.lower()}/")
        if number is None or own or at is None or not self.asked.since <= at < self.asked.until:
            return
        if kind in ("IssuesEvent", "PullRequestEvent") and payload.get("action") == "opened":
            found.opened[name, number] = None
        elif kind == "PullRequestReviewEvent" and author is None:
            found.reviewed[name, number] = None

    def other(self, name: str) -> _Repository | None:
        if name not in self.known:
            self.known[name] = None
            body = self.client.get("repository", f"/repos/{quote(name, safe='/')}").json()
            self.known[name] = _repository(body) if isinstance(body, dict) else None
        return self.known[name]

    # ── lists ───────────────────────────────────────────────────────────────────────────────────────────

    def run(self, *args: Any, **options: Any) -> None:
        for _ in self.pages(*args, **options):
            pass

    def pages(
        self,
        endpoint: str,
        path: str,
        params: dict[str, str],
        about: dict[str, str],
        stop: Callable[[Answer], bool] | None = None,
        headers: dict[str, str] | None = None,
        mark_end: bool = False,
    ) -> Iterator[Answer]:
        full = {**params, "per_page": _PAGE}
        return self.client.pages(
            endpoint, path, full, about, _pages(), stop, headers=headers, mark_end=mark_end
        )

    def before(self, dated: str) -> Callable[[Answer], bool]:
        """Whether a page reaches back to before these days, by the field that its items are dated with."""

        def reached(answer: Answer) -> bool:
            moments = [_moment(item, dated) for item in objects(answer.json())]
            return any(moment is not None and moment < self.asked.since for moment in moments)

        return reached


def _repository(item: dict[str, Any]) -> _Repository | None:
    """None for one that is private, or that the mapping will refuse."""
    try:
        if not is_open(item):
            return None
        return _Repository(
            identity(item, "id"),
            text(item, "full_name"),
            identity(a_node(item, "owner"), "id"),
            " ".join(tags_of(item)),
            maybe_count(item, "stargazers_count") or 0,
            maybe_count(item, "forks_count") or 0,
            maybe_count(item, "open_issues_count") or 0,
        )
    except Unreadable:
        return None


def _moment(item: dict[str, Any], name: str) -> datetime | None:
    try:
        return maybe_moment(item, name)
    except Unreadable:
        return None


def _count(item: dict[str, Any], name: str) -> int | None:
    try:
        return maybe_count(item, name)
    except Unreadable:
        return None


def _id(item: dict[str, Any], *path: str) -> str | None:
    try:
        return maybe_identity(item, *path)
    except Unreadable:
        return None


def _pages() -> BasePaginator:
    return HeaderLinkPaginator()


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
