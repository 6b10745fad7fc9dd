"""`stature networks`: which networks there are, whether they are configured, and whether they answer."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table
from rich.text import Text

from orchestration.connectors.network import ConnectorError, NetworkModule
from orchestration.connectors.registry import CONNECTORS, connector, is_asked
from orchestration.settings import Settings

_LONGEST_WAIT = 1.0  # seconds between two tries of a check, which somebody watches


@dataclass(frozen=True)
class NetworkState:
    """What is known of a network. `answer` is what its check said; None where nobody asked."""

    name: str
    runs: bool
    missing: tuple[str, ...]
    history: str
    blind: str
    proof: str
    answer: str | None = None
    answered: bool = False


def networks(
    settings: Settings, *, check: bool = False, said: Callable[[str], None] = lambda _: None
) -> list[NetworkState]:
    """Every network's state, in the order of names; with `check`, each configured one is asked once."""
    found = []
    for name in sorted(CONNECTORS):
        module = connector(name)
        if is_asked(module):
            said(f"Asking {name}" if check else name)
            found.append(_state(settings, name, module, check))
        else:
            runs = name in settings.networks
            found.append(NetworkState(name, runs, (), "any day", "", "simulated, nothing is asked for"))
    return found


def _state(settings: Settings, name: str, module: NetworkModule, check: bool) -> NetworkState:
    from orchestration.connectors.pulling import missing_settings

    network = module.NETWORK
    missing = tuple(missing_settings(network, settings))
    answer, answered = None, False
    if check:
        answer, answered = ("", False) if missing else check_network(settings, module)
    runs = name in settings.networks
    return NetworkState(name, runs, missing, network.history, network.blind, network.proof, answer, answered)


def check_network(settings: Settings, module: NetworkModule) -> tuple[str, bool]:
    """What the network says to one cheap call, and whether that is good news."""
    from orchestration.connectors.client import AnswerError
    from orchestration.connectors.journal import Journal
    from orchestration.connectors.pulling import BODY_FAULTS, make_client

    hurried = settings.model_copy(update={"pull_patience": 5})
    with tempfile.TemporaryDirectory(prefix="stature-check-") as folder:
        try:
            with Journal(Path(folder) / "check.jsonl", datetime.now(UTC)) as journal:
                client = make_client(
                    module, hurried, journal, wait=lambda seconds: time.sleep(min(seconds, _LONGEST_WAIT))
                )
                return module.check(client), True
        except (AnswerError, ConnectorError) as error:
            return str(error), False
        except BODY_FAULTS as error:
            return f"the answer is not what it should be ({type(error).__name__})", False


def page(states: list[NetworkState]) -> Table:
    """The networks as a table."""
    checked = any(state.answer is not None for state in states)
    table = Table(box=None, header_style="bold", pad_edge=False)
    columns = ("network", "runs", "missing", *(["answers"] if checked else []), "how far back", "proved by")
    for column in columns:
        table.add_column(column, overflow="fold")
    for state in states:
        mark = Text("✓", "green") if state.runs else Text("")
        missing = Text(", ".join(state.missing) or "nothing", "yellow" if state.missing else "")
        answer = [Text(state.answer or "", "green" if state.answered else "red")] if checked else []
        table.add_row(state.name, mark, missing, *answer, state.history, state.proof)
    return table
