"""What GitHub's answers say, as rows.

Ids of content: a repository's is its number, an issue's or pull request's `<repository>#<number>`, because
that is what every answer about it says (names change, and comments do not know their issue's other id);
comments and reviews have the names that GitHub's own pages give them, `issuecomment-7`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
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
    a_node,
    array,
    each,
    identity,
    maybe_count,
    maybe_flag,
    maybe_moment,
    maybe_node,
    maybe_text,
    moment,
    text,
    whole,
)
from orchestration.connectors.follow_lists import follow

_NETWORK = "github"
_GONE = 410
_APPLAUSE = frozenset({"+1", "laugh", "hooray", "heart", "rocket", "eyes"})
_DISLIKE = frozenset({"-1", "confused"})
_LISTS = frozenset(
    {
        "user_repos", "stargazers", "forks", "issues", "issue_comments", "reviews", "reactions", "starred",
        "followers", "following", "events", "repo_events",
    }
)  # fmt: skip
_OF_ONE_DESCRIBED = _LISTS - {"issue_comments", "reviews", "reactions"} | {"repository"}
"""Where the request is about an account that its own answer describes in full."""

_SINGLE = frozenset({"user", "me", "repository", "issue"})

FIELDS: Mapping[str, Mapping[str, str]] = {}
"""No description of GitHub's API is at hand to compare with: recorded answers prove the fields."""


def issue_id(repository: str, number: int | str) -> str:
    """The id of an issue or pull request as content."""
    return f"{repository}#{number}"


def is_open(item: Node) -> bool:
    """Whether a repository is there for everybody; `internal` is for an enterprise."""
    return not maybe_flag(item, "private") and maybe_text(item, "visibility") in (None, "public")


def tags_of(repository: Node) -> list[str]:
    """The topics that a repository's owner gave it, as GitHub writes them: `machine-learning`."""
    return [tag for tag in (maybe_text({"topics": t}, "topics") for t in array(repository, "topics")) if tag]


def applauded(issue: Node) -> bool:
    """Whether anybody liked it, as far as its counters say; True where they say nothing."""
    counters = issue.get("reactions")
    if not isinstance(counters, dict):
        return True
    return any(counters.get(kind) for kind in _APPLAUSE)


def rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    if answer.status == _GONE and (deleted := _deleted(answer)):
        yield deletion(_NETWORK, deleted, answer.received_at)
    if answer.ok:
        found = accounts_once(whole(answer, lambda: _rows(answer, reading)))
        yield from (row for row in found if not _says_less(answer, row))


def _deleted(answer: Answer) -> str | None:
    """The issue that an answer of 410 is about: its owner deleted it."""
    content, number = answer.about.get("content_id"), answer.about.get("number")
    if answer.endpoint == "issue":
        return issue_id(content, number) if content and number else None
    return content if answer.endpoint in ("issue_comments", "reviews", "reactions") else None


def _says_less(answer: Answer, row: Row | Refused) -> bool:
    """A line on the account that was asked about, whose newer snapshot would hide the full one."""
    if isinstance(row, Refused) or row.table != "accounts" or answer.endpoint not in _OF_ONE_DESCRIBED:
        return False
    return bool(row.values["account_id"] == answer.about.get("account_id"))


def _rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    read = _Reader(answer, reading)
    if answer.endpoint in _LISTS:
        yield from each(
            answer, answer.endpoint, array({"list": answer.json()}, "list"), read.readers[answer.endpoint]
        )
    elif answer.endpoint in _SINGLE:
        yield from each(answer, answer.endpoint, [answer.json()], read.readers[answer.endpoint])


class _Reader:
    """One answer's items, each read by the endpoint that it comes from."""

    def __init__(self, answer: Answer, reading: Reading) -> None:
        self.answer = answer
        self.reading = reading
        self.readers: Mapping[str, Callable[[Node], Iterator[Row | Refused]]] = {
            "user": self.described,
            "me": self.described,
            "user_repos": self.repository,
            "repository": self.repository,
            "stargazers": self.star,
            "forks": self.fork,
            "issues": self.issue,
            "issue": self.issue,
            "issue_comments": self.comment,
            "reviews": self.review,
            "reactions": self.reaction,
            "starred": self.starred,
            "followers": lambda item: self.follow(item, mine=False),
            "following": lambda item: self.follow(item, mine=True),
            "events": self.event,
            "repo_events": self.repository_event,
        }

    # ── accounts ────────────────────────────────────────────────────────────────────────────────────────

    def account(self, user: Node, **known: Any) -> Row:
        login, kind = text(user, "login"), maybe_text(user, "type")
        automated = None if kind is None else kind == "Bot"
        return account(
            _NETWORK,
            identity(user, "id"),
            login,
            self.answer.received_at,
            is_automated=True if login.endswith("[bot]") else automated,
            **known,
        )

    def described(self, user: Node) -> Iterator[Row]:
        yield self.account(
            user,
            display_name=maybe_text(user, "name"),
            email=maybe_text(user, "email") or None,
            region=maybe_text(user, "location") or None,
            created_at=maybe_moment(user, "created_at"),
            followers=maybe_count(user, "followers"),
            following=maybe_count(user, "following"),
        )

    def person(self, item: Node, name: str = "user") -> Node:
        """Who did it; nobody where the account was deleted since."""
        return a_node(item, name)

    def about(self, name: str) -> str:
        """What the request was about."""
        value = self.answer.about.get(name)
        if not value:
            raise Unreadable("missing_column", f"about.{name}")
        return value

    # ── repositories ────────────────────────────────────────────────────────────────────────────────────

    def repository(self, item: Node) -> Iterator[Row]:
        """A repository is a post of its owner; one made by forking another is a repost of that one."""
        content, owner = identity(item, "id"), self.person(item, "owner")
        at = moment(item, "created_at")
        if not is_open(item):
            return
        yield self.account(owner)
        if not self.reading.covers(at):
            return
        actor = identity(owner, "id")
        if not maybe_flag(item, "fork"):
            yield activity(
                _NETWORK, "post", content, actor=actor, content=content, at=at, topics=self.topics(item)
            )
        elif (parent := maybe_node(item, "parent")) and is_open(parent):
            yield self.account(self.person(parent, "owner"))
            yield self.made("repost", parent, actor, at)

    def topics(self, repository: Node) -> list[str]:
        words = [maybe_text(repository, "description"), maybe_text(repository, "language")]
        return topics_of(self.reading, words, tags_of(repository))

    def made(self, kind: str, repository: Node, actor: str, at: datetime) -> Row:
        """A star or fork of a repository that is told of whole."""
        content = identity(repository, "id")
        return activity(
            _NETWORK,
            kind,
            f"{kind}:{content}:{actor}",
            actor=actor,
            target=identity(repository, "owner", "id"),
            content=content,
            at=at,
            topics=self.topics(repository),
        )

    def known(self, kind: str, user: Node, at: datetime) -> Iterator[Row]:
        """A star or fork of the repository that was asked about, whose topics are those of its tags."""
        content, target = self.about("content_id"), self.about("account_id")
        row = self.account(user)
        if self.reading.covers(at):
            actor = identity(user, "id")
            yield row
            yield activity(
                _NETWORK,
                kind,
                f"{kind}:{content}:{actor}",
                actor=actor,
                target=target,
                content=content,
                at=at,
                topics=self.tagged(),
            )

    def tagged(self) -> list[str]:
        return topics_of(self.reading, (), self.answer.about.get("tags", "").split())

    def star(self, item: Node) -> Iterator[Row]:
        """With its date where that was asked for; the bare account else, which says no date."""
        dated = "starred_at" in item or "user" in item
        user = self.person(item) if dated else item
        at = moment(item, "starred_at") if dated else undated(self.reading, self.answer, None)
        yield from self.known("like", user, at)

    def starred(self, item: Node) -> Iterator[Row]:
        dated = "starred_at" in item or "repo" in item
        repository = a_node(item, "repo") if dated else item
        if not is_open(repository):
            return
        at = moment(item, "starred_at") if dated else undated(self.reading, self.answer, None)
        owner = self.account(self.person(repository, "owner"))
        if self.reading.covers(at):
            yield owner
            yield self.made("like", repository, self.about("account_id"), at)

    def fork(self, item: Node) -> Iterator[Row]:
        at = moment(item, "created_at")
        if is_open(item):
            yield from self.known("repost", self.person(item, "owner"), at)

    # ── issues ──────────────────────────────────────────────────────────────────────────────────────────

    def issue(self, item: Node) -> Iterator[Row]:
        """An issue or pull request: a reply to the repository, or the owner's own content."""
        repository, owner = self.about("content_id"), self.about("account_id")
        content = issue_id(repository, identity(item, "number"))
        at, user = moment(item, "created_at"), self.person(item)
        if not self.reading.covers(at):
            return
        actor = identity(user, "id")
        yield self.account(user)
        if actor == owner:
            words = [maybe_text(item, "title"), maybe_text(item, "body")]
            topics = topics_of(self.reading, words, self.answer.about.get("tags", "").split())
            yield activity(_NETWORK, "post", content, actor=actor, content=content, at=at, topics=topics)
        else:
            yield activity(
                _NETWORK,
                "reply",
                content,
                actor=actor,
                target=owner,
                content=repository,
                at=at,
                topics=self.tagged(),
            )

    def comment(self, item: Node) -> Iterator[Row]:
        yield from self.said(f"issuecomment-{identity(item, 'id')}", item, moment(item, "created_at"))

    def review(self, item: Node) -> Iterator[Row]:
        if maybe_text(item, "state") == "PENDING":
            return  # not sent yet: its author alone sees it
        yield from self.said(f"pullrequestreview-{identity(item, 'id')}", item, moment(item, "submitted_at"))

    def said(self, activity_id: str, item: Node, at: datetime) -> Iterator[Row]:
        user, content, target = self.person(item), self.about("content_id"), self.about("account_id")
        row = self.account(user)
        if self.reading.covers(at):
            actor = identity(user, "id")
            yield row
            yield activity(_NETWORK, "reply", activity_id, actor=actor, target=target, content=content, at=at)

    def reaction(self, item: Node) -> Iterator[Row]:
        kind = text(item, "content")
        if kind in _DISLIKE:
            return
        if kind not in _APPLAUSE:
            raise Unreadable("not_in_set", "content")
        user, content, target = self.person(item), self.about("content_id"), self.about("account_id")
        at, row = moment(item, "created_at"), self.account(user)
        if self.reading.covers(at):
            actor = identity(user, "id")
            yield row
            yield activity(
                _NETWORK,
                "like",
                f"like:{content}:{actor}",
                actor=actor,
                target=target,
                content=content,
                at=at,
            )

    # ── follows and events ──────────────────────────────────────────────────────────────────────────────

    def follow(self, user: Node, *, mine: bool) -> Iterator[Row]:
        """A follow known from a list, dated when first seen: conform knows the pair from then on."""
        other, own = identity(user, "id"), self.about("account_id")
        actor, target = (own, other) if mine else (other, own)
        yield self.account(user)
        yield follow(_NETWORK, self.answer, self.reading, actor, target)

    def event(self, item: Node) -> Iterator[Row]:
        """What an account did. Only what an event tells whole: the other kinds are asked for elsewhere.

        Stars are in the list of stars, forks in that of repositories, and of what was opened the event does
        not say whose repository it is. Pushes are work, and no attention.
        """
        kind, at = text(item, "type"), moment(item, "created_at")
        actor, payload = a_node(item, "actor"), a_node(item, "payload")
        if maybe_flag(item, "public") is False or not self.reading.covers(at):
            return
        action, repository = maybe_text(payload, "action"), identity(item, "repo", "id")
        if kind == "IssueCommentEvent" and action == "created":
            issue = a_node(payload, "issue")
            number, comment = identity(issue, "number"), identity(payload, "comment", "id")
            yield from self.answered(
                actor, issue, issue_id(repository, number), f"issuecomment-{comment}", at
            )
        elif kind == "PullRequestReviewEvent" and maybe_node(payload, "pull_request", "user"):
            pull = a_node(payload, "pull_request")
            number, review = identity(pull, "number"), identity(payload, "review", "id")
            yield from self.answered(
                actor, pull, issue_id(repository, number), f"pullrequestreview-{review}", at
            )
        elif kind == "ReleaseEvent" and action == "published":
            release = f"release-{identity(payload, 'release', 'id')}"
            topics = topics_of(self.reading, [maybe_text(payload, "release", "body")])
            yield self.account(actor)
            yield activity(
                _NETWORK, "post", release, actor=identity(actor, "id"), content=release, at=at, topics=topics
            )

    def answered(
        self, actor: Node, issue: Node, content: str, activity_id: str, at: datetime
    ) -> Iterator[Row]:
        target = identity(self.person(issue), "id")
        yield self.account(actor)
        yield activity(
            _NETWORK, "reply", activity_id, actor=identity(actor, "id"), target=target, content=content, at=at
        )

    def repository_event(self, item: Node) -> Iterator[Row]:
        """Stars of a repository that has more of them than its list shows."""
        if text(item, "type") != "WatchEvent" or maybe_flag(item, "public") is False:
            return
        yield from self.known("like", a_node(item, "actor"), moment(item, "created_at"))
