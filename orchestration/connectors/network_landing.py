"""Landing a network that is asked over HTTP: its answers as they came, then what they say as contract rows.

A day on which the network was down is landed empty, with a mark in its manifest: the run goes on without it.
Until the day is published, another run asks again; after that, the next day's pull asks since the last that
was had.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
from dlt.extract import DltSource

from orchestration.connectors import pulling
from orchestration.connectors.answers import Answer
from orchestration.connectors.asking import whom
from orchestration.connectors.exchange import Exchange
from orchestration.connectors.journal import Journal
from orchestration.connectors.mapped import ANSWER_SCHEMA, map_day, read_answers, table_of
from orchestration.connectors.network import Asked, NetworkModule
from orchestration.connectors.pull import pull_day, workspace
from orchestration.connectors.reports import Landing, LandingReport, named
from orchestration.connectors.revalidation import VALIDATORS
from orchestration.home import machine_folder
from orchestration.settings import Settings
from spark_jobs.jobs.conform_files import ANSWERS
from spark_jobs.lake import Lake, Manifest

MISSED = "missed"
"""Note of a raw manifest: why nothing could be had of that day."""

_BATCH_BYTES = 16 << 20


def journal_path(settings: Settings, network: str, day: date) -> Path:
    """Where a pull under way keeps its answers, on this machine."""
    return machine_folder(settings) / "pulls" / network / f"{day}.jsonl"


def land_network(
    landing: Landing,
    module: NetworkModule,
    *,
    exchange: Exchange | None = None,
    wait: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
) -> list[LandingReport]:
    """Land and map the days; one report each, in order. ConnectorError for what the user must mend."""
    network = module.NETWORK
    pulling.require_settings(network, landing.settings)
    published = landing.published()
    reports: dict[date, LandingReport] = {}
    down: str | None = None
    with workspace(landing.lake, landing.source) as folder:
        day_of = _Day(landing, module, folder, exchange, wait, clock)
        for day in landing.days:
            raw = landing.lake.manifest(landing.raw, day)
            if day in published:
                reports[day] = LandingReport(day, landing.source, notes=("already published",))
                journal_path(landing.settings, network.name, day).unlink(missing_ok=True)
            elif raw is not None and MISSED not in raw.notes:
                reports[day] = day_of.mapped(raw)
            else:
                reports[day], down = day_of.pulled(day, down)
    return [reports[day] for day in landing.days]


class _Day:
    """The ways in which one day can go."""

    def __init__(
        self,
        landing: Landing,
        module: NetworkModule,
        folder: Path,
        exchange: Exchange | None,
        wait: Callable[[float], None],
        clock: Callable[[], float],
    ) -> None:
        self.landing, self.module, self.folder = landing, module, folder
        self.exchange, self.wait, self.clock = exchange, wait, clock

    def mapped(self, raw: Manifest) -> LandingReport:
        """A day whose answers are there already; its rows may not be, where a run was killed between."""
        landing = self.landing
        if landing.lake.exists(table_of(landing.source), raw.day):
            return LandingReport(raw.day, landing.source, notes=("already landed",))
        rows = map_day(landing.settings, landing.lake, self.module, raw.day, landing.run_id)
        return landing.report(raw.day, rows.files, rows.rows, ("mapped again", *told(rows)))

    def pulled(self, day: date, down: str | None) -> tuple[LandingReport, str | None]:
        """Ask for a day. The second value says why the network is down, if it is."""
        landing, settings, name = self.landing, self.landing.settings, self.landing.source
        lake = landing.lake
        lake.discard_uncommitted(landing.raw, [day])
        if down is not None:  # it was, a moment ago: each further day would wait as long again
            return self._missed(day, down, {}), down
        now = datetime.fromtimestamp(self.clock(), UTC)
        with Journal(journal_path(settings, name, day), now) as journal:
            before = self._before(day)
            since = pulling.first_moment(self.module.NETWORK, day, before)
            until = min(pulling.midnight(day + timedelta(days=1)), journal.started)
            accounts = whom(settings, lake, name, day)
            client = pulling.make_client(
                self.module,
                settings,
                journal,
                earlier=_Earlier(lake, name, before).find,
                exchange=self.exchange,
                wait=self.wait,
                clock=self.clock,
            )
            asked = Asked(day, since, until, accounts, settings.reaction_days, settings)
            outcome = pulling.pull(self.module, client, asked)
            if outcome.missed is not None:
                return self._missed(day, outcome.missed, pulling.texts_told(outcome)), outcome.missed
            source = _answers_source(name, (entry.answer for entry in journal.entries()))
            files = pull_day(name, source, lake, day, self.folder)
            notes = {
                "since": since.isoformat(),
                "until": until.isoformat(),
                "accounts": len(accounts),
                "requests": outcome.asked,
                "complete": outcome.complete,
                **pulling.texts_told(outcome),
            }
            lake.commit(landing.raw, day, files, landing.run_id, notes)
            rows = map_day(settings, lake, self.module, day, landing.run_id)
            journal.remove()
        said = [*_asked_for(len(accounts), outcome.asked, since, day), *told(rows)]
        if outcome.failures:
            said.append(f"{len(outcome.failures)} not had: {named(outcome.failures)}")
        report = landing.report(day, [*files, *rows.files], rows.rows, (*said, *outcome.notes))
        return report, None

    def _before(self, day: date) -> dict[date, Manifest]:
        lake, raw = self.landing.lake, self.landing.raw
        return lake.manifests(raw, [d for d in lake.days(raw) if d < day])

    def _missed(self, day: date, why: str, more: dict[str, Iterable[str]]) -> LandingReport:
        landing = self.landing
        notes = {MISSED: why[:300], **more}
        landing.lake.commit(landing.raw, day, [], landing.run_id, notes)
        landing.lake.commit(table_of(landing.source), day, [], landing.run_id, {MISSED: why[:300]})
        return landing.report(day, [], 0, (f"missed, and caught up by a later day: {why}",))


class _Earlier:
    """The answers of the last pull of which the service said which version they are; read when asked for."""

    def __init__(self, lake: Lake, network: str, before: Mapping[date, Manifest]) -> None:
        had = [manifest for _, manifest in sorted(before.items()) if MISSED not in manifest.notes]
        self._lake, self._network, self._last = lake, network, had[-1] if had else None
        self._answers: dict[tuple[str, str], Answer] | None = None

    def find(self, endpoint: str, url: str) -> Answer | None:
        if self._answers is None:
            found = read_answers(self._lake, self._network, self._last) if self._last else ()
            self._answers = {
                (answer.endpoint, answer.url): answer
                for answer in found
                if answer.ok and not VALIDATORS.keys().isdisjoint(answer.about)
            }
        return self._answers.get((endpoint, url))


def told(mapped: Manifest) -> list[str]:
    """What a day's mapping says of itself."""
    refused = mapped.notes.get("refused", {})
    if not refused:
        return []
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in refused.items())
    return [f"{sum(refused.values()):,} things in the answers refused ({reasons})"]


def _asked_for(accounts: int, requests: int, since: datetime, day: date) -> list[str]:
    said = []
    if not accounts and not requests:
        said.append("nobody to ask for: stature watch add @handle@network")
    if since == pulling.BEGINNING:
        said.append("asked for all that is there")
    elif since < pulling.midnight(day):
        said.append(f"asked since {since:%Y-%m-%d %H:%M}, because days before it were not had whole")
    return said


def _answers_source(network: str, answers: Iterable[Answer]) -> DltSource:
    """The day's answers for dlt, in tables of bounded size."""

    def batches() -> Iterator[Any]:
        held: list[dict[str, Any]] = []
        size = 0
        for answer in answers:
            held.append(
                {
                    "endpoint": answer.endpoint,
                    "url": answer.url,
                    "status": answer.status,
                    "body": answer.body.encode("utf-8", "replace").decode(),
                    "received_at": answer.received_at,
                    "about": json.dumps(dict(answer.about), sort_keys=True),
                }
            )
            size += len(answer.body)
            if size > _BATCH_BYTES:
                yield dlt.mark.with_table_name(pa.Table.from_pylist(held, ANSWER_SCHEMA), ANSWERS)
                held, size = [], 0
        if held:
            yield dlt.mark.with_table_name(pa.Table.from_pylist(held, ANSWER_SCHEMA), ANSWERS)

    @dlt.source(name=network)
    def source() -> Any:
        return dlt.resource(batches, name=network)

    return source()
