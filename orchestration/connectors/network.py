"""What a network's module offers, and what it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol

from orchestration.connectors.answers import Answer, Reading, Refused, Row
from orchestration.settings import Settings

if TYPE_CHECKING:
    from orchestration.connectors.client import Client


class ConnectorError(Exception):
    """Something about a source that its user can mend: the message says what, where and how."""


class NetworkDownError(ConnectorError):
    """The network cannot be reached, or asks for more patience than we have. A later day catches up."""


class AnswerError(Exception):
    """This one thing cannot be had; the pull can go on without it. `answer` is None where none came.

    `again`: asking another day may help (the server failed, the body was torn).
    """

    def __init__(self, message: str, answer: Answer | None = None, *, again: bool = False) -> None:
        super().__init__(message)
        self.answer = answer
        self.again = again

    @property
    def status(self) -> int | None:
        return self.answer.status if self.answer else None


@dataclass(frozen=True)
class Network:
    """What is known of a network before it is asked.

    `base_url` is an address, or a function of the settings; empty where addresses come from the watch list.
    `needs` and `optional` are names of settings (`mastodon_url`). `history_days` is how far back a pull can
    go; `history`, `blind` (what it cannot see) and `proof` say it in words. An answer with a status in `gone`
    is given to the mapping, which may read a deletion in it; other failures are recorded and not mapped.
    `later` reads from a refusal's status and body, at a moment in seconds since 1970, how many seconds to
    wait, where the service says so there and not in its headers; None where it says no such thing.
    `follow_lists` are the endpoints whose answers list an account's followers or whom it follows, page by
    page, with `account_id` in `about` and the end marked.
    `meant(status, body)` is the status that a failure should have had, for services that tell a refused
    token or too many calls (401, 429) in the body alone.
    """

    name: str
    base_url: str | Callable[[Settings], str]
    page: str
    history: str
    blind: str
    proof: str
    needs: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    follow_lists: Collection[str] = ()
    history_days: int = 90
    gone: tuple[int, ...] = (410,)
    from_beginning: bool = False
    later: Callable[[int, bytes, float], float | None] | None = None
    meant: Callable[[int, str], int] = lambda status, _: status

    def base(self, settings: Settings) -> str:
        return self.base_url if isinstance(self.base_url, str) else self.base_url(settings)


@dataclass(frozen=True)
class Watched:
    """An account to ask for, by its handle, its id or both. `origin` is one of watch, crm, reacted."""

    network: str
    handle: str | None
    account_id: str | None
    origin: str


@dataclass(frozen=True)
class Asked:
    """One day asked of one network: what happened in [since, until), UTC.

    Posts up to `reaction_days` old are asked for new reactions.
    """

    day: date
    since: datetime
    until: datetime
    accounts: tuple[Watched, ...]
    reaction_days: int
    settings: Settings


@dataclass(frozen=True)
class Credentials:
    """What proves to the service who asks: sent to the network's own host alone, never recorded."""

    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)


class NetworkModule(Protocol):
    """A network's module.

    It may also offer `credentials(settings) -> Credentials` (asked once a pull) and
    `renew(settings) -> Credentials` (asked once, where the service refuses the first ones with 401).
    """

    NETWORK: Network

    def pull(self, client: Client, asked: Asked) -> None:
        """Ask for everything; the client records every answer."""

    def rows(self, answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
        """The contract rows in an answer. Pure, and raises for no body whatever."""

    def kept(self, answer: Answer, reduce: Callable[[str], str]) -> Answer:
        """The answer as it may be stored: texts put through `reduce`, private items removed."""

    def check(self, client: Client) -> str:
        """One cheap call; says who we are there."""
