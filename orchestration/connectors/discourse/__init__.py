"""discourse: topics, posts, likes and mentions of any forum that runs Discourse. Each forum is read whole.

posts       posts, replies, who is named
asking      which requests a day needs
storing     what of an answer may be kept
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.client import Client
from orchestration.connectors.contract_rows import activity, once, undated
from orchestration.connectors.discourse import asking
from orchestration.connectors.discourse.posts import (
    FIELDS,
    NAME,
    Told,
    account_id,
    author_of,
    content_id,
    forum_of,
    is_open,
    post_rows,
    profile_rows,
    reply_row,
)
from orchestration.connectors.discourse.storing import PRIVATE, WITHHELD, stored
from orchestration.connectors.fields import Node, a_node, array, each, node, text, whole
from orchestration.connectors.network import Asked, Credentials, Network
from orchestration.connectors.servers import addresses
from orchestration.settings import Settings

__all__ = ["FIELDS", "NETWORK", "check", "credentials", "kept", "pull", "rows"]


def bases(settings: Settings) -> list[str]:
    """The addresses of the forums. ConnectorError where one is none."""
    return addresses(settings.discourse_url, "discourse_url", "https://meta.discourse.org")


NETWORK = Network(
    name=NAME,
    base_url=lambda settings: next(iter(bases(settings)), ""),
    needs=("discourse_url",),
    optional=("discourse_key", "discourse_username"),
    page="https://docs.discourse.org/",
    history="as far back as the forum goes; likes date from when they are first seen",
    blind="conversations, categories that are not open to all, whispers, hidden posts; who follows whom",
    proof="recorded answers",
    gone=(404, 410),
)


def credentials(settings: Settings) -> Credentials:
    key, username = settings.discourse_key, settings.discourse_username
    if key is None:
        return Credentials()
    named = {"Api-Username": username} if username else {}
    return Credentials({"Api-Key": key.get_secret_value(), **named})


def pull(client: Client, asked: Asked) -> None:
    """Every forum, and the profiles of watched accounts."""
    asking.ask(client, asked, bases(asked.settings))


def check(client: Client) -> str:
    """The forum's name."""
    said = node(client.get("about", "site/basic-info.json").json(), "basic-info")
    return text(said, "title")


def rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    """The contract rows in an answer."""
    yield from once(whole(answer, lambda: _rows(answer, reading)))


def kept(answer: Answer, reduce: Callable[[str], str]) -> Answer:
    """The answer as it may be stored."""
    return stored(answer, reduce)


def _rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    endpoint = answer.endpoint
    if endpoint == "parent":
        yield from _parent(answer, reading)
    elif not answer.ok:
        return
    elif endpoint in ("topic", "topic_posts"):
        if node(answer.json(), endpoint).get("archetype") in (PRIVATE, WITHHELD):
            return
        left = answer.about.get("parents") == "asked"
        thread = asking.thread_of(answer)
        yield from post_rows(asking.posts_of(answer), thread, reading, parents_asked=left)
    elif endpoint == "posts":
        newest = array(node(answer.json(), endpoint), "latest_posts")
        yield from post_rows(newest, asking.thread_of(answer), reading)
    elif endpoint == "latest":
        users = array(node(answer.json(), endpoint), "users")
        yield from each(answer, "users", users, lambda user: profile_rows(user, answer))
    elif endpoint == "user":
        yield from profile_rows(a_node(node(answer.json(), endpoint), "user"), answer)
    elif endpoint == "likes":
        yield from _likes(answer, reading)


def _parent(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    """The replies that were left to this answer, and the post itself if it opened the topic."""
    forum, parent, problem = forum_of(answer), None, None
    body = answer.json() if answer.ok else None  # null stands for a post that was not stored
    if body is not None:
        try:
            post = node(body, "post")
            if is_open(post):
                parent = Told(content_id(post, forum), author_of(post, forum))
        except Unreadable as error:
            problem = error
    name = f"{forum}/t/{answer.about.get('topic', '')}/{answer.about.get('number', '')}"
    for content, actor, at, target in asking.replies_of(answer):
        when = datetime.fromisoformat(at)
        if not reading.covers(when):
            continue
        if parent is None and target is None and problem is not None:
            raise problem
        yield from whole(
            answer,
            lambda c=content, a=actor, w=when, t=target: iter([reply_row(c, a, w, parent, t, name)]),  # type: ignore[misc]
        )
    if body is not None:
        yield from post_rows([body], asking.thread_of(answer), reading, parents_asked=True)


def _likes(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    """Who liked a post. The lists have no dates."""
    users = array(node(answer.json(), "likes"), "post_action_users")
    content, target = answer.about.get("content_id"), answer.about.get("account_id")
    posted = datetime.fromisoformat(answer.about["at"]) if "at" in answer.about else None
    at = undated(reading, answer, posted)
    # What came after the day belongs to a later one.
    ours = posted is None or posted < reading.until

    def read(user: Node) -> Iterator[Row | Refused]:
        if content and target and ours:
            actor = account_id(text(user, "username"), forum_of(answer))
            made = f"like:{content}:{actor}"
            yield activity(NAME, "like", made, actor=actor, at=at, target=target, content=content)
        yield from profile_rows(user, answer)

    if not content or not target:
        yield Refused("missing_column", "likes: the request does not say which post it is about")
    yield from each(answer, "post_action_users", users, read)
