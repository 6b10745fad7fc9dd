"""The watch list: accounts that somebody asked to be pulled.

`<home>/watch.jsonl`, one line an order to add or remove; of an account the latest order counts. Written whole
under another name and then renamed, so that a stopped command leaves the list as it was.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from fsspec.core import url_to_fs

from orchestration.connectors.network import ConnectorError, Watched
from spark_jobs.lake import Lake

FILE = "watch.jsonl"


@dataclass(frozen=True)
class Order:
    """One line of the list."""

    network: str
    handle: str
    action: Literal["add", "remove"]
    at: str


def parse(who: str, networks: Mapping[str, str] | Iterable[str]) -> tuple[str, str]:
    """Network and handle of `@handle@network`; a handle may hold an @ itself. ConnectorError."""
    handle, _, network = who.strip().removeprefix("@").rpartition("@")
    if not handle or not network:
        raise ConnectorError(f"{who!r} is no account: write @handle@network, such as @ada@mastodon.")
    if network.lower() not in networks:
        known = ", ".join(sorted(networks))
        raise ConnectorError(f"There is no network {network!r}. There are: {known}.")
    return network.lower(), handle


def orders(home: str) -> list[Order]:
    """Every order, in the order given. ConnectorError for a file that is none of ours."""
    fs, path = url_to_fs(f"{home.rstrip('/')}/{FILE}", use_listings_cache=False)
    try:
        with fs.open(path, "r", encoding="utf-8") as handle:
            lines = [line for line in handle.read().splitlines() if line.strip()]
    except FileNotFoundError:
        return []
    try:
        return [Order(**json.loads(line)) for line in lines]
    except (ValueError, TypeError):
        raise ConnectorError(f"{FILE} in {home} is damaged: each line is an order as JSON.") from None


def watched(home: str) -> list[Order]:
    """The accounts on the list, in the order in which they came to stay."""
    last: dict[tuple[str, str], Order] = {}
    for order in orders(home):
        last.pop((order.network, key(order.handle)), None)
        last[order.network, key(order.handle)] = order
    return [order for order in last.values() if order.action == "add"]


def change(
    home: str, action: Literal["add", "remove"], accounts: Iterable[tuple[str, str]], now: datetime
) -> int:
    """Add or remove (network, handle) pairs; how many of them this changed."""
    with _alone(home):
        return _change(home, action, accounts, now)


def _change(
    home: str, action: Literal["add", "remove"], accounts: Iterable[tuple[str, str]], now: datetime
) -> int:
    before = orders(home)
    standing = {(order.network, key(order.handle)) for order in watched(home)}
    new = []
    for network, handle in dict.fromkeys(accounts):
        if ((network, key(handle)) in standing) != (action == "add"):
            new.append(Order(network, handle, action, now.isoformat(timespec="seconds")))
    if new:
        _write(home, [*before, *new])
    return len(new)


def of_network(home: str, network: str) -> list[Watched]:
    """The watched accounts of a network."""
    return [
        Watched(network, order.handle, None, "watch") for order in watched(home) if order.network == network
    ]


def forget(home: str, accounts: Iterable[tuple[str, str]]) -> int:
    """Take every line about these accounts out of the file, as an erasure asks for; lines removed."""
    gone = {(network, key(handle)) for network, handle in accounts}
    with _alone(home):
        before = orders(home)
        left = [order for order in before if (order.network, key(order.handle)) not in gone]
        if len(left) < len(before):
            _write(home, left)
        return len(before) - len(left)


def key(handle: str) -> str:
    """What two spellings of one handle share."""
    return handle.strip().removeprefix("@").casefold()


@contextmanager
def _alone(home: str) -> Iterator[None]:
    """Keep a second command on this machine waiting: what it read would be old when it writes."""
    if "://" in home:
        yield
        return
    Path(home).mkdir(parents=True, exist_ok=True)
    with Path(home, f".{FILE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(home: str, every: Iterable[Order]) -> None:
    text = "".join(f"{json.dumps(asdict(order), ensure_ascii=False)}\n" for order in every)
    Lake(home).write_bytes(f"{url_to_fs(home)[1].rstrip('/')}/{FILE}", text.encode())
