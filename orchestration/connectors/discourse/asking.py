"""One day asked of Discourse forums: what was written in the topics that went on, and who liked it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from dlt.sources.helpers.rest_client.paginators import PageNumberPaginator

from orchestration.connectors.answers import Answer, Unreadable
from orchestration.connectors.client import AnswerError, Client
from orchestration.connectors.discourse.posts import (
    LIKE,
    Thread,
    account_id,
    author_of,
    content_id,
    forum_of,
    is_open,
    likes_of,
    unresolved,
)
from orchestration.connectors.discourse.storing import PRIVATE, WITHHELD
from orchestration.connectors.fields import (
    Node,
    array,
    identity,
    maybe_count,
    maybe_identity,
    maybe_moment,
    maybe_node,
    maybe_text,
    message,
    moment,
    node,
)
from orchestration.connectors.network import Asked, Watched
from orchestration.connectors.replies import Reply, Told, waiting

_POSTS_AT_ONCE = 20
_LIKES_AT_ONCE = 200


@dataclass
class Forum:
    """One forum, and what its answers have told so far."""

    client: Client
    asked: Asked
    base: str
    has_key: bool
    name: str = ""
    restricted: frozenset[str] = frozenset()
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    liked: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = urlsplit(self.base)
        self.name = parts.netloc.rpartition("@")[2].lower() + parts.path.rstrip("/")
        self.oldest = self.asked.since - timedelta(days=self.asked.reaction_days)

    def ask(self) -> None:
        if self.has_key:
            self._ask_categories()
        for topic in self._topics():
            with self.client.apart(f"topic {topic} of {self.name}"):
                self._ask_topic(topic)
        for parent, replies in self.replies.items():
            topic, _, number = parent.partition("/")
            about = {**self._about(), "topic": topic, "number": number, **waiting(replies)}
            with self.client.apart(f"a post that was answered in topic {topic} of {self.name}"):
                self.client.get("parent", f"{self.base}/posts/by_number/{parent}.json", about=about)
        for post, about in self.liked.items():
            with self.client.apart(f"likes of a post of {self.name}"):
                self._ask_likes(post, about)

    def ask_account(self, username: str) -> None:
        self.client.get("user", f"{self.base}/u/{quote(username, safe='')}.json", about=self._about())

    def _ask_categories(self) -> None:
        """A key may see more than everybody: what is for some alone is not asked for."""
        site = node(self.client.get("site", f"{self.base}/site.json", about=self._about()).json(), "site")
        restricted = set()
        for value in array(site, "categories"):
            category = node(value, "categories")
            if category.get("read_restricted") is not False:
                restricted.add(identity(category, "id"))
        self.restricted = frozenset(restricted)

    def _topics(self) -> Iterator[str]:
        """Topics in which something may have happened, those that went on last first."""
        about = self._about()
        if self.restricted:
            about["restricted"] = ",".join(sorted(self.restricted))
        pages = self.client.pages(
            "latest",
            f"{self.base}/latest.json",
            {"order": "activity"},
            about,
            PageNumberPaginator(base_page=0, page_param="page", total_path=None, stop_after_empty_page=True),
            stop=self._reaches_back,
            items="topic_list.topics",
        )
        asked: set[str] = set()
        for page in pages:
            for value in listed_topics(page):
                try:
                    topic = node(value, "topics")
                    number, moved = identity(topic, "id"), _moved(topic)
                except Unreadable:
                    continue  # it has no number to be asked by, and the list no rows to lose
                category = maybe_identity(topic, "category_id") or ""
                recent = moved is None or moved >= self.oldest
                hidden = topic.get("archetype") == PRIVATE or category in self.restricted
                if recent and not hidden and number not in asked:
                    asked.add(number)
                    yield number

    def _reaches_back(self, page: Answer) -> bool:
        """Whether a page, the newest first, ends with a topic that went on last before our time."""
        for value in reversed(listed_topics(page)):
            if not isinstance(value, dict) or value.get("pinned") or value.get("pinned_globally"):
                continue
            try:
                moved = _moved(value)
            except Unreadable:
                continue
            if moved is not None:
                return moved < self.oldest
        return False

    def _ask_topic(self, number: str) -> None:
        answer = self.client.get("topic", f"{self.base}/t/{number}.json", about=self._about())
        topic = node(answer.json(), "topic")
        if topic.get("archetype") in (PRIVATE, WITHHELD):
            return
        stream = maybe_node(topic, "post_stream")
        posts, ids = array(stream, "posts"), [identity({"id": i}, "id") for i in array(stream, "stream")]
        thread = thread_of(answer).knowing(posts)
        self._read(posts, thread)
        about = {**self._about(), "topic": number}
        if first := thread.posts.get(f"{number}/1"):
            about |= {"first": first.content, "first_author": first.author}
        # By their place, not by what came: of what came, what is hidden is not in the journal.
        rest = ids[maybe_count(topic, "chunk_size") or _POSTS_AT_ONCE :]
        # The newest posts are the last ones: from there back, until they are older than what is asked for.
        while rest:
            rest, some = rest[:-_POSTS_AT_ONCE], rest[-_POSTS_AT_ONCE:]
            params = {"post_ids[]": some}
            answer = self.client.get("topic_posts", f"{self.base}/t/{number}/posts.json", params, about)
            posts = posts_of(answer)
            self._read(posts, thread_of(answer))
            if not any(self._is_recent(post) for post in posts):
                break

    def _read(self, posts: Sequence[object], thread: Thread) -> None:
        for reply in unresolved(posts, thread, self.asked.since, self.asked.until):
            self.replies.setdefault(reply.parent, []).append(reply)
        for value in posts:
            try:
                post = node(value, "post")
                if is_open(post) and self._is_recent(post) and likes_of(post) > 0:
                    about = {
                        "content_id": content_id(post, self.name),
                        "account_id": author_of(post, self.name),
                        "at": moment(post, "created_at").isoformat(),
                    }
                    self.liked[identity(post, "id")] = {**self._about(), **about}
            except Unreadable:
                continue  # refused where its row is made

    def _is_recent(self, post: object) -> bool:
        try:
            return self.oldest <= moment(node(post, "post"), "created_at") < self.asked.until
        except Unreadable:
            return False

    def _ask_likes(self, post: str, about: dict[str, str]) -> None:
        pages = self.client.pages(
            "likes",
            f"{self.base}/post_action_users.json",
            {"id": post, "post_action_type_id": LIKE, "limit": _LIKES_AT_ONCE},
            about,
            PageNumberPaginator(base_page=0, page_param="page", total_path=None, stop_after_empty_page=True),
            stop=lambda page: len(_likers(page)) < _LIKES_AT_ONCE,
            items="post_action_users",
        )
        for _ in pages:
            pass

    def _about(self) -> dict[str, str]:
        return {"forum": self.name, "parents": "asked"}


def ask(client: Client, asked: Asked, bases: Sequence[str]) -> None:
    """Each forum whole, and the profiles of its accounts that are watched."""
    has_key = asked.settings.discourse_key is not None
    forums = [Forum(client, asked, base, has_key and base == bases[0]) for base in bases]
    for forum in forums:
        with client.apart(forum.name):
            try:
                forum.ask()
            except Unreadable as problem:
                raise AnswerError(f"what it says cannot be read: {problem}") from None
        for username in dict.fromkeys(_of(forum.name, asked.accounts)):
            with client.apart(f"account {username} of {forum.name}"):
                forum.ask_account(username)


def _of(forum: str, accounts: Sequence[Watched]) -> Iterator[str]:
    """Names of the watched accounts of a forum: `name@forum` as a handle, `forum/name` as an id."""
    for watched in accounts:
        if watched.account_id and watched.account_id.startswith(f"{forum}/"):
            yield watched.account_id.removeprefix(f"{forum}/")
        elif watched.handle:
            name, _, place = watched.handle.strip().lstrip("@").lower().partition("@")
            if place == forum:
                yield name


def thread_of(answer: Answer) -> Thread:
    """The topic that an answer is about, before its posts are read. Unreadable where it is none."""
    body = node(answer.json(), answer.endpoint)
    first = [answer.about.get(name) for name in ("topic", "first", "first_author")]
    posts = {f"{first[0]}/1": Told(first[1], first[2])} if first[0] and first[1] and first[2] else {}
    forum, tags, title = forum_of(answer), [], ""
    if answer.endpoint == "topic":
        title = message(body, "title")
        for tag in array(body, "tags"):
            # Newer forums give a tag with its number and its address.
            name = maybe_text(tag, "name") if isinstance(tag, dict) else maybe_text({"tags": tag}, "tags")
            tags += [name] if name else []
        opener = maybe_text(maybe_node(body, "details", "created_by"), "username")
        ids = array(maybe_node(body, "post_stream"), "stream")
        number = maybe_identity(body, "id")
        if opener and ids and number:
            posts[f"{number}/1"] = Told(
                f"{forum}/{identity({'id': ids[0]}, 'id')}", account_id(opener, forum)
            )
    return Thread(answer, forum, title, tuple(tags), posts, answer.endpoint == "topic")


def posts_of(answer: Answer) -> list[Any]:
    """The posts of a topic's answer. Unreadable where there cannot be any."""
    body: Node = node(answer.json(), answer.endpoint)
    return array(maybe_node(body, "post_stream"), "posts")


def listed_topics(page: Answer) -> list[Any]:
    """The topics of a page of the list; none where it cannot be read."""
    try:
        return array(maybe_node(node(page.json(), "latest"), "topic_list"), "topics")
    except Unreadable:
        return []


def _moved(topic: Node) -> datetime | None:
    return maybe_moment(topic, "bumped_at") or maybe_moment(topic, "last_posted_at")


def _likers(page: Answer) -> list[Any]:
    try:
        return array(node(page.json(), "likes"), "post_action_users")
    except Unreadable:
        return []
