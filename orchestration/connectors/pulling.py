"""One day of one network asked for: from its module, through the client, into the journal."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import cast

from orchestration.connectors.answers import Answer, Reading
from orchestration.connectors.client import AnswerError, Client
from orchestration.connectors.exchange import Exchange
from orchestration.connectors.journal import Journal
from orchestration.connectors.network import (
    Asked,
    ConnectorError,
    Credentials,
    Network,
    NetworkDownError,
    NetworkModule,
)
from orchestration.connectors.texts import reduction, taxonomy, topics_through
from orchestration.settings import Settings
from spark_jobs.lake import Manifest

LONGEST_CATCH_UP = timedelta(days=90)
"""Older activities are refused by the contract."""

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

_ASK_AGAIN_DAYS = 3  # so long is asked again for what a service failed to give

BODY_FAULTS = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What code that reads others' data may raise where it expects too much of them."""


@dataclass(frozen=True)
class Outcome:
    """How a day's pull went. `missed` says why nothing was had; the day is then asked for again."""

    asked: int
    failures: tuple[str, ...]
    notes: tuple[str, ...]
    complete: bool
    missed: str | None = None


def midnight(day: date) -> datetime:
    return datetime.combine(day, time_of_day(), UTC)


def missing_settings(network: Network, settings: Settings) -> list[str]:
    """Names in the environment of the settings that the network needs and does not have."""
    return [f"STATURE_{name.upper()}" for name in network.needs if not getattr(settings, name)]


def require_settings(network: Network, settings: Settings) -> None:
    if missing := missing_settings(network, settings):
        raise ConnectorError(f"{network.name} needs {' and '.join(missing)}: see {network.page}.")


def make_client(
    module: NetworkModule,
    settings: Settings,
    journal: Journal,
    *,
    earlier: Callable[[str, str], Answer | None] = lambda endpoint, url: None,
    exchange: Exchange | None = None,
    wait: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
) -> Client:
    """A client for the network, with its credentials; it keeps of each answer what may be kept."""
    credentials = getattr(module, "credentials", None)
    return Client(
        module.NETWORK,
        settings,
        journal,
        kept=functools.partial(keep, module, reduction(settings, taxonomy(settings))),
        credentials=cast(Credentials, credentials(settings)) if credentials else None,
        renew=getattr(module, "renew", None),
        earlier=earlier,
        exchange=exchange,
        wait=wait,
        clock=clock,
    )


def keep(module: NetworkModule, reduce: Callable[[str], str], answer: Answer) -> Answer:
    """The answer as it may be stored. Where a mapping's `kept` fails on a body, nothing of the body is."""
    try:
        return module.kept(answer, reduce)
    except BODY_FAULTS:
        return replace(answer, body="")


def reading(settings: Settings, day: date, since: datetime, until: datetime) -> Reading:
    """What a mapping may depend on besides the answer."""
    return Reading(day, since, until, topics_through(taxonomy(settings)))


def first_moment(network: Network, day: date, before: Mapping[date, Manifest]) -> datetime:
    """Since when the pull of a day asks: since the last pull's end, within what the network can still give.

    `before`: the network's raw manifests. Days that were missed count for nothing, and of days for which a
    service failed to give something, the last three are asked for again. A network that is asked from the
    beginning misses nothing, however long ago that is.
    """
    pulled = [m for d, m in sorted(before.items()) if d < day and "missed" not in m.notes]
    if network.from_beginning:
        return _unbroken(pulled, day)
    since = midnight(day)
    if pulled:
        since = min(since, _ends(pulled[-1]))
        for manifest in reversed(pulled[-_ASK_AGAIN_DAYS:]):
            if manifest.notes.get("complete", True):
                break
            earlier = datetime.fromisoformat(str(manifest.notes["since"]))
            since = min(since, max(earlier, midnight(day) - timedelta(days=_ASK_AGAIN_DAYS)))
    window = min(LONGEST_CATCH_UP, timedelta(days=network.history_days))
    return max(since, midnight(day + timedelta(days=1)) - max(window, timedelta(days=1)))


def _unbroken(pulled: Sequence[Manifest], day: date) -> datetime:
    """Since the end of the last pull that was whole; since ever, where there was none."""
    whole = [manifest for manifest in pulled if manifest.notes.get("complete", True)]
    return min(midnight(day), _ends(whole[-1])) if whole else BEGINNING


def _ends(manifest: Manifest) -> datetime:
    until = manifest.notes.get("until")
    return datetime.fromisoformat(str(until)) if until else midnight(manifest.day + timedelta(days=1))


def pull(module: NetworkModule, client: Client, asked: Asked) -> Outcome:
    """Have a module ask for a day. ConnectorError for what the user must mend."""
    missed = None
    try:
        module.pull(client, asked)
    except NetworkDownError as down:
        missed = str(down)
    except AnswerError as error:
        client.skipped("the pull ended early", error)
        client.incomplete = True
    if missed is None and client.incomplete and not client.answered:
        missed = f"{client.network.name} answered nothing: {client.failures[0]}"
    return Outcome(client.asked, tuple(client.failures), tuple(client.notes), not client.incomplete, missed)


def texts_told(outcome: Outcome, most: int = 20) -> dict[str, Iterable[str]]:
    """What a manifest remembers of a pull, in bounded length."""
    failures, notes = outcome.failures, outcome.notes
    told: dict[str, Iterable[str]] = {}
    if failures:
        more = [f"and {len(failures) - most} more"] if len(failures) > most else []
        told["failures"] = [*(text[:300] for text in failures[:most]), *more]
    if notes:
        told["remarks"] = [text[:300] for text in notes[:most]]
    return told
