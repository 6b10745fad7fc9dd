"""Erased people: their rows are counted and not kept, from the day their request came."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.contracts import Dataset
from spark_jobs.transforms.conform.judging import BLANK, FATED, REFUSAL, SUPPRESSED

ERASE = "erase"
ERASED = pa.schema([("subject", pa.string()), ("first_day", pa.date32()), ("end_day", pa.date32())])
# The requests themselves are kept: the latest of them decides, and a person may come back.
_NEVER = "privacy_requests"


@dataclass(frozen=True, slots=True)
class Request:
    """One privacy request, and the day on which it was delivered."""

    subject: str
    request: str
    requested_at: datetime
    day: date


@dataclass(frozen=True, slots=True)
class Erased:
    """A subject is erased from `first_day` to before `end_day`; None: until further notice."""

    subject: str
    first_day: date
    end_day: date | None


def subject(scope: str, identifier: str) -> str:
    """An account (`network`, id) or a contact (`crm`, id) as one text."""
    return f"{scope}\x1f{identifier}"


def erased_periods(requests: Iterable[Request]) -> list[Erased]:
    """When each subject is erased: on a day, if the latest of the requests delivered by then is `erase`."""
    periods = []
    ordered = sorted(requests, key=lambda r: (r.subject, r.day, r.requested_at, r.request == ERASE))
    for name, of_subject in groupby(ordered, key=lambda r: r.subject):
        latest: Request | None = None
        since: date | None = None
        for day, of_day in groupby(of_subject, key=lambda r: r.day):
            for request in of_day:
                if latest is None or request.requested_at >= latest.requested_at:
                    latest = request
            erased = latest is not None and latest.request == ERASE
            if erased and since is None:
                since = day
            elif not erased and since is not None:
                periods.append(Erased(name, since, day))
                since = None
        if since is not None:
            periods.append(Erased(name, since, None))
    return periods


def subjects(dataset: Dataset) -> list[str]:
    """SQL of the people that a row of the table is about, over its values; null where it names none."""
    if dataset.name == _NEVER:
        return []
    found = []
    for scope, marker in (("network", "account_id"), ("crm", "contact_id")):
        if scope in dataset.columns:
            names = [f.name for f in dataset.input_fields if f.name.endswith(marker)]
            found += [rf"concat({scope}, '\u001F', {name})" for name in names]
    return found


def suppress(judged: DataFrame, erased: DataFrame) -> DataFrame:
    """`judged` with the fate of erased people's rows, good or refused, set to suppressed, their content gone.

    `judged` has the column `subjects` (array of text), which is dropped; `erased` (`ERASED`) is small.
    """
    marked = judged
    for place in (0, 1):  # no table names more than two people
        match = erased.selectExpr(
            f"subject AS subject_{place}", f"first_day AS from_{place}", f"end_day AS until_{place}"
        )
        same = (
            f"get(subjects, {place}) = subject_{place} AND day >= from_{place}"
            f" AND (until_{place} IS NULL OR day < until_{place})"
        )
        marked = marked.join(F.broadcast(match), F.expr(same), "left")
    matched = f"(subject_0 IS NOT NULL OR subject_1 IS NOT NULL) AND fate <> '{BLANK}'"
    gone = {name: f"IF(matched, NULL, {name}) AS {name}" for name in (*REFUSAL, "row")}
    gone["fate"] = f"IF(matched, '{SUPPRESSED}', fate) AS fate"
    flagged = marked.selectExpr(*FATED, f"{matched} AS matched")
    return flagged.selectExpr(*[gone.get(name, name) for name in FATED])
