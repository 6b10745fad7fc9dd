"""Which connectors there are, and what a connector is.

A new network needs one module and one line in `CONNECTORS`. Modules are imported when they run, so that
nobody pays for the clients of networks that are not configured.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Protocol, TypeGuard, cast

from orchestration.connectors.network import ConnectorError, NetworkModule
from orchestration.settings import Settings

__all__ = ["CONNECTORS", "INBOX", "Connector", "ConnectorError", "Pull", "connector", "source_names"]

if TYPE_CHECKING:
    from dlt.extract import DltSource

INBOX = "inbox"
"""The one source that is no dlt connector: its files are copied as they are."""

CONNECTORS: Mapping[str, str] = {
    "bluesky": "orchestration.connectors.bluesky",
    "discourse": "orchestration.connectors.discourse",
    "facebook": "orchestration.connectors.facebook",
    "feeds": "orchestration.connectors.feeds",
    "github": "orchestration.connectors.github",
    "hubspot": "orchestration.connectors.hubspot",
    "hackernews": "orchestration.connectors.hackernews",
    "instagram": "orchestration.connectors.instagram",
    "linkedin": "orchestration.connectors.linkedin",
    "mastodon": "orchestration.connectors.mastodon",
    "salesforce": "orchestration.connectors.salesforce",
    "sample": "orchestration.connectors.sample",
    "stackexchange": "orchestration.connectors.stackexchange",
    "wordpress": "orchestration.connectors.wordpress",
    "x": "orchestration.connectors.x",
    "youtube": "orchestration.connectors.youtube",
    "zendesk": "orchestration.connectors.zendesk",
}
"""Module of each network, by the name that STATURE_NETWORKS uses."""


@dataclass(frozen=True)
class Pull:
    """One day asked of one network: what happened on `day` (UTC). `first_day` is where the history begins."""

    settings: Settings
    day: date
    first_day: date


class Connector(Protocol):
    """What the module of a network offers that makes its tables itself. Others are NetworkModules."""

    def source(self, pull: Pull) -> DltSource:
        """What a day brought, as Arrow tables or rows marked with the name of their table."""


def connector(name: str) -> Connector | NetworkModule:
    """The network's module; ConnectorError where the name is unknown."""
    if name not in CONNECTORS:
        raise ConnectorError(_unknown([name]))
    return cast(Connector | NetworkModule, importlib.import_module(CONNECTORS[name]))


def is_asked(module: Connector | NetworkModule) -> TypeGuard[NetworkModule]:
    """Whether the network is asked over HTTP, so that its answers are kept and mapped."""
    return hasattr(module, "NETWORK")


def source_names(settings: Settings) -> tuple[str, ...]:
    """The sources that these settings ask for, each once; the inbox last, whenever it is set.

    ConnectorError where STATURE_NETWORKS names an unknown connector, or the inbox where none is set.
    """
    named = tuple(dict.fromkeys(settings.networks))
    unknown = [name for name in named if name not in CONNECTORS and name != INBOX]
    if unknown:
        raise ConnectorError(_unknown(unknown))
    if INBOX in named and settings.inbox is None:
        raise ConnectorError("STATURE_NETWORKS names the inbox: set STATURE_INBOX to its folder, too.")
    networks = tuple(name for name in named if name != INBOX)
    return (*networks, INBOX) if settings.inbox is not None else networks


def _unknown(names: list[str]) -> str:
    known = ", ".join([*sorted(CONNECTORS), INBOX])
    return f"STATURE_NETWORKS: there is no connector {', '.join(map(repr, names))}. There are: {known}."
