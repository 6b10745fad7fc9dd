"""Landing: what each source delivered for a day is brought into the raw lake, and never changed there.

A published day is left untouched. A day that is not published may gain files: those that came into the inbox
since. A network's day is pulled once, when its manifest is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import cast

from orchestration.connectors.inbox import look
from orchestration.connectors.inbox_landing import land_inbox
from orchestration.connectors.registry import INBOX, Connector, Pull, connector, is_asked, source_names
from orchestration.connectors.reports import Landing, LandingReport, Progress, silent
from orchestration.settings import Settings
from spark_jobs.lake import Lake

__all__ = ["LandingReport", "Progress", "land_days", "land_source", "source_names"]


def land_days(
    settings: Settings, lake: Lake, days: Iterable[date], run_id: str, progress: Progress = silent
) -> list[LandingReport]:
    """Land every source that the settings ask for; one report a day and source, in the order of the days.

    Raises ConnectorError: before anything is landed, where a connector or the inbox does not exist; later,
    where a network's pull fails. What was landed until then stays, and a second call goes on after it.
    """
    wanted = sorted(set(days))
    names = source_names(settings)
    if settings.inbox is not None:
        look(settings.inbox)
    reports = [
        report for name in names for report in land_source(settings, lake, name, wanted, run_id, progress)
    ]
    return sorted(reports, key=lambda report: (report.day, names.index(report.source)))


def land_source(
    settings: Settings,
    lake: Lake,
    source: str,
    days: Iterable[date],
    run_id: str,
    progress: Progress = silent,
) -> list[LandingReport]:
    """Land one source alone; one report a day, in order. ConnectorError where it does not exist or fails."""
    wanted = tuple(sorted(set(days)))
    if not wanted:
        return []
    first_day = lake.first_day() or settings.first_day or wanted[0]
    landing = Landing(settings, lake, source, wanted, first_day, run_id, progress)
    return land_inbox(landing) if source == INBOX else _land_network(landing)


def _land_network(landing: Landing) -> list[LandingReport]:
    module = connector(landing.source)
    if is_asked(module):
        # Importing dlt takes a second, which a call with nothing to pull need not wait for.
        from orchestration.connectors.network_landing import land_network

        return land_network(landing, module)
    lake, published, landed = landing.lake, landing.published(), set(landing.lake.days(landing.raw))
    reports = {
        day: LandingReport(
            day, landing.source, notes=("already published" if day in published else "already landed",)
        )
        for day in landing.days
        if day in published | landed
    }
    missing = [day for day in landing.days if day not in reports]
    if missing:
        from orchestration.connectors.pull import pull_day, workspace

        with workspace(lake, landing.source) as folder:
            for day in missing:
                lake.discard_uncommitted(landing.raw, [day])
                source = cast(Connector, module).source(Pull(landing.settings, day, landing.first_day))
                files = pull_day(landing.source, source, lake, day, folder)
                lake.commit(landing.raw, day, files, landing.run_id)
                rows = sum(file.rows or 0 for file in files)
                reports[day] = landing.report(day, files, rows, () if files else ("nothing delivered",))
    in_order = [reports[day] for day in landing.days]
    return _warned(landing, in_order) if landing.source == "sample" else in_order


def _warned(landing: Landing, reports: list[LandingReport]) -> list[LandingReport]:
    """Say it where simulated people stand beside real ones and nobody has asked for them by name."""
    if landing.settings.inbox is None or "networks" in landing.settings.model_fields_set:
        return reports
    warning = "simulated people beside your inbox: STATURE_NETWORKS=inbox leaves them out"
    return [replace(reports[0], notes=(*reports[0].notes, warning)), *reports[1:]]
