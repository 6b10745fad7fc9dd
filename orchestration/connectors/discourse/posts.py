"""Posts of Discourse forums: who opened a topic, who answered whom, who was named or quoted."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import unquote, urlsplit

from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.contract_rows import account, activity, deletion, mentions, topics_of
from orchestration.connectors.fields import (
    Node,
    array,
    each,
    identity,
    maybe_count,
    maybe_flag,
    maybe_identity,
    maybe_moment,
    maybe_node,
    maybe_text,
    message,
    moment,
    node,
    text,
    whole,
)
from orchestration.connectors.hypertext import text_of
from orchestration.connectors.replies import Reply, Told, reply_row

NAME = "discourse"

REGULAR = 1
"""The type of posts that people write; others are notes of what was done, or for the staff alone."""

LIKE = 2
"""The number of the action that is a like."""

FIELDS = {
    "/t/{id}.json": {
        "title": "string", "archetype": "string", "tags": "array", "post_stream.posts": "array",
        "post_stream.stream": "array", "details.created_by.username": "string",
    },
    "/t/{id}/posts.json": {
        "post_stream.posts[].id": "integer", "post_stream.posts[].username": "string",
        "post_stream.posts[].name": "string", "post_stream.posts[].user_id": "integer",
        "post_stream.posts[].created_at": "string", "post_stream.posts[].cooked": "string",
        "post_stream.posts[].post_number": "integer", "post_stream.posts[].post_type": "integer",
        "post_stream.posts[].topic_id": "integer", "post_stream.posts[].hidden": "boolean",
        "post_stream.posts[].deleted_at": "string", "post_stream.posts[].user_deleted": "boolean",
        "post_stream.posts[].actions_summary": "array",
    },
    "/latest.json": {
        "topic_list.topics[].id": "integer", "topic_list.topics[].bumped_at": "string",
        "topic_list.topics[].archetype": "string", "topic_list.topics[].category_id": "integer",
        "users[].username": "string", "users[].name": "string", "users[].id": "integer",
    },
    "/u/{username}.json": {
        "user.username": "string", "user.name": "string", "user.created_at": "string",
        "user.post_count": "integer", "user.id": "integer",
    },
}  # fmt: skip
"""What is read, by the paths and types of the published description."""

UNSAID = "reply_to_user"
"""The field that a reply lacks which says of nobody that he was answered."""

_TAG = re.compile(r"<(a|aside)\b([^<>]*+)>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\b(class|href|data-username)\s*=\s*\"([^\"]*)\"", re.IGNORECASE)


@dataclass(frozen=True)
class Thread:
    """What posts of one topic are read with: the topic, and its posts by their number in it."""

    answer: Answer
    forum: str
    title: str = ""
    tags: tuple[str, ...] = ()
    posts: Mapping[str, Told] = field(default_factory=dict)
    by_topic: bool = True

    def knowing(self, posts: Iterable[object]) -> Thread:
        """With these posts as well."""
        known = dict(self.posts)
        for value in posts:
            try:
                post = node(value, "post")
                if is_open(post):
                    number = f"{identity(post, 'topic_id')}/{identity(post, 'post_number')}"
                    known[number] = Told(content_id(post, self.forum), author_of(post, self.forum))
            except Unreadable:
                continue  # refused where its own row is made
        return replace(self, posts=known)

    def parent(self, post: Node) -> tuple[str, Told | None]:
        """The number of the post that this one answers, the first one's as a rule, and that post."""
        number = maybe_identity(post, "reply_to_post_number") or "1"
        return number, self.posts.get(f"{identity(post, 'topic_id')}/{number}")


def forum_of(answer: Answer) -> str:
    """The forum that answered: its host, and its path where it does not have the host for itself."""
    return answer.about.get("forum") or urlsplit(answer.url).netloc.rpartition("@")[2].lower()


def account_id(username: str, forum: str) -> str:
    """An account goes by its name: that is in every answer, its number is not."""
    return f"{forum}/{username.lower()}"


def unnamed_parent(forum: str, parent: str) -> str:
    """What a post goes by that nobody tells of: its topic and its number there."""
    return f"{forum}/t/{parent}"


def author_of(post: Node, forum: str) -> str:
    return account_id(text(post, "username"), forum)


def content_id(post: Node, forum: str) -> str:
    return f"{forum}/{identity(post, 'id')}"


def is_open(post: Node) -> bool:
    """Whether it is a post that every reader of the topic sees."""
    return maybe_count(post, "post_type") in (None, REGULAR) and not maybe_flag(post, "hidden")


def profile_rows(user: Node, answer: Answer, *, number: str = "id") -> Iterator[Row]:
    """A snapshot of an account, as far as a post, a list or its profile describes it."""
    forum, username = forum_of(answer), text(user, "username")
    user_id = user.get(number)
    # Numbers below zero are the forum's own accounts: its messages and bots.
    automated = True if isinstance(user_id, int) and user_id < 0 else None
    yield account(
        NAME,
        account_id(username, forum),
        f"{username}@{forum}",
        answer.received_at,
        display_name=maybe_text(user, "name"),
        region=maybe_text(user, "location") or None,
        created_at=maybe_moment(user, "created_at" if number == "id" else "user_created_at"),
        followers=maybe_count(user, "total_followers"),
        following=maybe_count(user, "total_following"),
        posts=maybe_count(user, "post_count"),
        is_automated=automated,
    )


def post_rows(
    posts: Iterable[object], thread: Thread, reading: Reading, *, parents_asked: bool = False
) -> Iterator[Row | Refused]:
    """The rows of posts. `parents_asked`: a reply whose parent is not here is left to the answer about it."""
    listed = list(posts)
    known = thread.knowing(listed)
    yield from each(thread.answer, "post", listed, lambda post: _post(post, known, reading, parents_asked))


def unresolved(posts: Iterable[object], thread: Thread, since: datetime, until: datetime) -> Iterator[Reply]:
    """The replies that `post_rows` leaves to the answers about their parents."""
    listed = list(posts)
    known = thread.knowing(listed)
    for value in listed:
        try:
            post = node(value, "post")
            at = moment(post, "created_at")
            if _is_first(post) or _is_gone(post) or not is_open(post) or not since <= at < until:
                continue
            number, parent = known.parent(post)
            if parent is None:
                asked_by = f"{identity(post, 'topic_id')}/{number}"
                yield _reply(post, at, thread, asked_by)
        except Unreadable:
            continue  # refused where its own row is made


def named_in(cooked: str) -> list[str]:
    """The names of accounts that a post names or quotes, each once, in order."""
    found: dict[str, None] = {}
    for tag in _TAG.finditer(cooked):
        told = {name.lower(): html.unescape(value) for name, value in _ATTRIBUTE.findall(tag[2])}
        classes = told.get("class", "").split()
        if tag[1].lower() == "a" and "mention" in classes:
            path, _, name = told.get("href", "").rpartition("/")
            if path.endswith(("/u", "/users")) and name:
                found[unquote(name)] = None
        elif tag[1].lower() == "aside" and "quote" in classes and told.get("data-username"):
            found[told["data-username"]] = None
    return list(found)


def likes_of(post: Node) -> int:
    """How many likes a post says that it has."""
    for value in array(post, "actions_summary"):
        action = node(value, "actions_summary")
        if maybe_count(action, "id") == LIKE:
            return maybe_count(action, "count") or 0
    return 0


def _post(post: Node, thread: Thread, reading: Reading, parents_asked: bool) -> Iterator[Row | Refused]:
    if not is_open(post):
        return
    if _is_gone(post):
        deleted = maybe_moment(post, "deleted_at") or thread.answer.received_at
        yield deletion(NAME, content_id(post, thread.forum), deleted)
        return
    yield from whole(thread.answer, lambda: profile_rows(post, thread.answer, number="user_id"))
    at = moment(post, "created_at")
    if not reading.covers(at):
        return
    content, actor = content_id(post, thread.forum), author_of(post, thread.forum)
    cooked = message(post, "cooked")
    title = thread.title if thread.by_topic else message(post, "topic_title")
    texts = [title if _is_first(post) else None, text_of(cooked)]
    tags = thread.tags if _is_first(post) else ()
    reached = {actor}
    if _is_first(post):
        topics = topics_of(reading, texts, tags)
        yield activity(NAME, "post", content, actor=actor, at=at, content=content, topics=topics)
    else:
        number, parent = thread.parent(post)
        asked_by = f"{identity(post, 'topic_id')}/{number}"
        reply = _reply(post, at, thread, asked_by)
        if target := parent.author if parent else reply.target:
            reached.add(target)
        if parent is not None or not parents_asked:
            unnamed = unnamed_parent(thread.forum, asked_by)
            yield from whole(
                thread.answer,
                lambda: iter([reply_row(NAME, reply, parent, unnamed=unnamed, unsaid=UNSAID)]),
            )
    named = [account_id(username, thread.forum) for username in named_in(cooked)]
    if any(one not in reached for one in named):
        topics = topics_of(reading, texts, tags)
        yield from mentions(NAME, named, content, actor=actor, at=at, reached=reached, topics=topics)


def _is_first(post: Node) -> bool:
    return maybe_count(post, "post_number") == 1


def _is_gone(post: Node) -> bool:
    return maybe_text(post, "deleted_at") is not None or maybe_flag(post, "user_deleted") is True


def _reply(post: Node, at: datetime, thread: Thread, parent: str) -> Reply:
    target = _replied_to(post, thread.forum)
    return Reply(content_id(post, thread.forum), author_of(post, thread.forum), at, target, parent)


def _replied_to(post: Node, forum: str) -> str | None:
    username = maybe_text(maybe_node(post, "reply_to_user"), "username")
    return account_id(username, forum) if username else None
