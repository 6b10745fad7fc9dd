"""discourse: topics, posts, likes and mentions of any forum that runs Discourse. Each forum is read whole.

posts       posts, replies, who is named
asking      which requests a day needs
storing     what of an answer may be kept
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from orchestration.connectors.answers import Answer, Reading, Refused, Row
from orchestration.connectors.client import Client
from orchestration.connectors.contract_rows import once
from orchestration.connectors.discourse import asking
from orchestration.connectors.discourse.posts import (
    FIELDS,
    NAME,
    UNSAID,
    account_id,
    author_of,
    content_id,
    forum_of,
    is_open,
    post_rows,
    profile_rows,
    unnamed_parent,
)
from orchestration.connectors.discourse.storing import PRIVATE, WITHHELD, stored
from orchestration.connectors.fields import a_node, array, each, node, text, whole
from orchestration.connectors.network import Asked, Credentials, Network
from orchestration.connectors.reactions import reaction_rows
from orchestration.connectors.replies import Told, body_of, waited_for
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
    """The replies that waited for this answer, and the post itself if it opened the topic."""
    forum = forum_of(answer)

    def read_parent(body: object) -> Told | None:
        post = node(body, "post")
        return Told(content_id(post, forum), author_of(post, forum)) if is_open(post) else None

    place = f"{answer.about.get('topic', '')}/{answer.about.get('number', '')}"
    unnamed = unnamed_parent(forum, place)
    yield from waited_for(NAME, answer, reading, read_parent, unnamed=unnamed, unsaid=UNSAID)
    if (body := body_of(answer)) is not None:
        yield from post_rows([body], asking.thread_of(answer), reading, parents_asked=True)


def _likes(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    forum, item = forum_of(answer), "post_action_users"
    yield from reaction_rows(
        NAME, "like", answer, reading, array(node(answer.json(), "likes"), item),
        item=item,
        actor_of=lambda user: account_id(text(user, "username"), forum),
        profile_rows=lambda user: profile_rows(user, answer),
    )  # fmt: skip
