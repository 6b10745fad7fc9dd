"""Erased people: their rows are counted and not kept, from the day their request came.

They are known by their marks alone (`spark_jobs.erasure`), so that nobody need be named to be left out.
"""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.contracts import Dataset
from spark_jobs.erasure import PERSON_KEY, Erased, Request, erased_periods, mark_sql, subject
from spark_jobs.transforms.conform.judging import BLANK, FATED, REFUSAL, SUPPRESSED

__all__ = ["ERASED", "Erased", "Request", "erased_periods", "subject", "subjects", "suppress"]

ERASED = pa.schema([("subject", pa.string()), ("first_day", pa.date32()), ("end_day", pa.date32())])
# The requests themselves are kept: the latest of them decides, and a person may come back.
_NEVER = "privacy_requests"


def subjects(dataset: Dataset, salt: str | None = None) -> list[str]:
    """SQL of the people that a row of the table is about, over its values; null where it names none.

    Their marks, where the `salt` is given.
    """
    if dataset.name == _NEVER:
        return []
    found = []
    for scope, marker in (("network", "account_id"), ("crm", "contact_id")):
        if scope in dataset.columns:
            names = [f.name for f in dataset.input_fields if f.name.endswith(marker)]
            found += [rf"concat({scope}, '\u001F', {name})" for name in names]
    if dataset.name == "identity_links":
        found.append(rf"concat('{PERSON_KEY}', '\u001F', person_key)")
    if dataset.name == "crm_contact_accounts":  # these name an account by its handle alone
        found.append(r"concat(network, '@', '\u001F', trim(LEADING '@' FROM lower(trim(handle))))")
    return found if salt is None else [mark_sql(salt, name) for name in found]


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
