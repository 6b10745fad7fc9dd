"""mastodon: accounts, posts and reactions of any server that speaks Mastodon's API.

profiles    accounts, under ids that are the same seen from every server
statuses    posts, replies, quotes, reposts, mentions
asking      which requests a day needs
storing     what of an answer may be kept
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from orchestration.connectors.answers import Answer, Reading, Refused, Row
from orchestration.connectors.client import AnswerError, Client
from orchestration.connectors.contract_rows import once
from orchestration.connectors.fields import Node, array, each, maybe_text, node, whole
from orchestration.connectors.follow_lists import follow
from orchestration.connectors.mastodon import asking
from orchestration.connectors.mastodon.profiles import NAME, account_id, domain_of, profile_rows
from orchestration.connectors.mastodon.statuses import (
    UNSAID,
    content_id,
    is_public,
    status_rows,
)
from orchestration.connectors.mastodon.storing import stored
from orchestration.connectors.network import Asked, Credentials, Network
from orchestration.connectors.reactions import reaction_rows
from orchestration.connectors.replies import Told, body_of, waited_for
from orchestration.connectors.servers import addresses
from orchestration.settings import Settings

__all__ = ["NETWORK", "check", "credentials", "kept", "pull", "rows"]

REACTIONS = {"favourited_by": "like", "reblogged_by": "repost"}


def bases(settings: Settings) -> list[str]:
    """The addresses of the servers. ConnectorError where one is none."""
    return addresses(settings.mastodon_url, "mastodon_url", "https://mastodon.social")


NETWORK = Network(
    name=NAME,
    base_url=lambda settings: next(iter(bases(settings)), ""),
    needs=("mastodon_url",),
    optional=("mastodon_token",),
    page="https://docs.joinmastodon.org/methods/",
    history="posts as far back as the server has them; likes and reposts date from when they are first seen",
    blind="who liked or passed on what its server never heard of; lists of followers that are hidden",
    proof="recorded answers",
    follow_lists=("followers", "following"),
    gone=(401, 403, 404, 410),  # what was answered may be hidden or gone, the reply to it is not
)


def credentials(settings: Settings) -> Credentials:
    token = settings.mastodon_token
    return Credentials({"Authorization": f"Bearer {token.get_secret_value()}"} if token else {})


def pull(client: Client, asked: Asked) -> None:
    """Accounts, their posts, what these answer, and the reactions to them."""
    asking.ask(client, asked, bases(asked.settings))


def check(client: Client) -> str:
    """The server's name."""
    try:
        said = node(client.get("instance", "/api/v2/instance").json(), "instance")
    except AnswerError:
        said = node(client.get("instance", "/api/v1/instance").json(), "instance")
    name = maybe_text(said, "domain") or maybe_text(said, "uri") or "a server"
    return f"{name}, version {maybe_text(said, 'version') or 'unknown'}"


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
    elif not answer.ok or endpoint == "instance":
        return
    elif endpoint == "account":
        yield from profile_rows(node(answer.json(), "account"), answer)
    elif endpoint == "search":
        found = array(node(answer.json(), "search"), "accounts")
        yield from each(answer, "account", found, lambda profile: profile_rows(profile, answer))
    elif endpoint == "context":
        yield from _context(answer, reading)
    elif endpoint == "status":
        status = answer.json()
        yield from status_rows(answer, reading, [] if status is None else [status])
    elif endpoint in ("account_statuses", "quotes"):
        left = answer.about.get("parents") == "asked"
        yield from status_rows(answer, reading, _list(answer), _known(answer), parents_asked=left)
    elif endpoint in REACTIONS:
        yield from _reactions(answer, reading)
    elif endpoint in ("followers", "following"):
        yield from _follows(answer, reading)


def _list(answer: Answer) -> list[object]:
    return array({"list": answer.json()}, "list")


def _known(answer: Answer) -> dict[str, Told]:
    """The post that the request was about, by its number on the server."""
    told = [answer.about.get(name) for name in ("status_id", "content_id", "account_id")]
    return {told[0]: Told(told[1], told[2])} if told[0] and told[1] and told[2] else {}


def _context(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    thread = node(answer.json(), "context")
    around = [*array(thread, "ancestors"), *array(thread, "descendants")]
    yield from status_rows(answer, reading, around, _known(answer))


def _parent(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    """The replies that waited for this answer, and the post itself if it is none."""
    domain = domain_of(answer)

    def read_parent(body: object) -> Told | None:
        status = node(body, "status")
        # Some servers give a post that was passed on as the passing on, whoever asks for it.
        if isinstance(status.get("reblog"), dict):
            status = node(status.get("reblog"), "reblog")
        if not is_public(status):
            return None
        return Told(content_id(status, domain), account_id(node(status.get("account"), "account"), domain))

    unnamed = f"{domain}/{answer.about.get('status_id', '')}"
    yield from waited_for(NAME, answer, reading, read_parent, unnamed=unnamed, unsaid=UNSAID)
    if (body := body_of(answer)) is not None:
        yield from status_rows(answer, reading, [body], parents_asked=True)


def _reactions(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    domain = domain_of(answer)
    yield from reaction_rows(
        NAME, REACTIONS[answer.endpoint], answer, reading, _list(answer),
        item="account",
        actor_of=lambda profile: account_id(profile, domain),
        profile_rows=lambda profile: profile_rows(profile, answer),
    )  # fmt: skip


def _follows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    """Who follows the account, or whom it follows: seen first on this day, as the lists have no dates."""
    listed, known = _list(answer), answer.about.get("account_id")

    def read(profile: Node) -> Iterator[Row | Refused]:
        if known:
            other = account_id(profile, domain_of(answer))
            actor, target = (other, known) if answer.endpoint == "followers" else (known, other)
            yield follow(NAME, answer, reading, actor, target)
        yield from profile_rows(profile, answer)

    if not known:
        yield Refused("missing_column", f"{answer.endpoint}: the request does not say whose list it is")
    yield from each(answer, "account", listed, read)
