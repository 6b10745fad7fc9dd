"""`crm.contact_score` over random contacts: its own SQL in DuckDB, on small tables for what it reads."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import jinja2
from hypothesis import given, settings
from hypothesis import strategies as st

MODEL = Path(__file__).resolve().parents[3] / "dbt_project/models/marts/crm/contact_score.sql"
DAY = date(2026, 2, 1)
OF_A_SCORE = ("day", "score", "score_low", "score_high", "percentile", "change_7d", "change_30d", "sentence")
FEW = settings(max_examples=30, deadline=None)

# The models that it reads, all made of the contacts of one example.
MODELS = """
create table given(contact_id varchar, person_id varchar, value double, currency varchar, birth_year integer,
    legal_basis varchar, request varchar, percentile double, is_matched boolean, open_cases bigint,
    double_failure boolean);
create view int_latest_day as select date '2026-02-01' as day;
create view int_privacy_request as
    select null as network, null as account_id, 'crm' as crm, contact_id, request
    from given where request is not null;
create view int_person_account as
    select '' as person_id, '' as network, '' as account_id, true as is_open where false;
create view int_contact_candidate as select 'crm' as crm, '' as contact_id, '' as obstacle where false;
create view stg_topic_score as
    select '' as person_id, '' as topic, 1 as rank, date '2026-02-01' as day, 1 as revision where false;
create view int_topic_label as select '' as topic, '' as label where false;
create view int_ledger_revision as select date '2026-02-01' as day, 1 as revision, true as is_latest;
create view int_contact as
    select 'crm' as crm, contact_id, 'DE' as region, legal_basis, value as lifetime_value, currency,
        null::date as customer_since, birth_year
    from given;
create view int_contact_match as
    select 'crm' as crm, contact_id, person_id, 'handle' as match_method, 0.95 as match_confidence
    from given where is_matched;
create view int_withheld_person as select '' as person_id, '' as unscored_reason where false;
create view score_latest as
    select person_id, date '2026-02-01' as day, 50.0 as score, 45.0 as score_low, 55.0 as score_high,
        percentile, 1.0 as change_7d, 2.0 as change_30d, '50' as explanation, null::varchar as unscored_reason
    from given where percentile is not null;
create view int_contact_service as
    select 'crm' as crm, contact_id, open_cases as service_events_90d, open_cases, double_failure from given;
"""


@dataclass(frozen=True)
class Contact:
    """What is known of a contact; `percentile` is None where nobody behind it is scored."""

    value: float | None
    currency: str | None
    birth_year: int | None
    legal_basis: str | None
    request: str | None
    percentile: float | None
    is_matched: bool
    open_cases: int
    double_failure: bool


CONTACTS = st.lists(
    st.builds(
        Contact,
        value=st.none() | st.sampled_from([-5.0, 0.0, 1.0, 10.0, 100.0]),
        currency=st.sampled_from(["EUR", "USD", None]),
        birth_year=st.none() | st.integers(2000, 2015),
        legal_basis=st.sampled_from([None, "", "consent"]),
        request=st.sampled_from([None, None, None, "opt_out", "erase", "object", "opt_in"]),
        percentile=st.none() | st.sampled_from([0.0, 50.0, 89.99, 90.0, 100.0]),
        is_matched=st.booleans(),
        open_cases=st.integers(0, 2),
        double_failure=st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


@cache
def query(needs_legal_basis: bool) -> str:
    environment = jinja2.Environment(autoescape=False)  # noqa: S701 - this is SQL
    known: dict[str, Any] = {
        "config": lambda **_: "",
        "ref": lambda name: name,
        "needs_legal_basis": lambda: needs_legal_basis,
    }
    return environment.from_string(MODEL.read_text()).render(known)


@cache
def connection() -> duckdb.DuckDBPyConnection:
    opened = duckdb.connect(config={"threads": 1})
    opened.execute(MODELS)
    return opened


def scored(contacts: list[Contact], needs_legal_basis: bool = False) -> list[dict[str, Any]]:
    """The mart's rows, in the order of the contacts."""
    rows = [
        {"contact_id": f"c{number:02}", "person_id": f"p{number:02}", **asdict(one)}
        for number, one in enumerate(contacts)
    ]
    marks = ", ".join(f"({', '.join('?' for _ in row)})" for row in rows)
    values = [value for row in rows for value in row.values()]
    connection().execute("delete from given")
    connection().execute(f"insert into given values {marks}", values)
    answer = connection().execute(f"select * from ({query(needs_legal_basis)}) order by contact_id")
    columns = [column[0] for column in answer.description]
    return [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]


@FEW
@given(CONTACTS, st.booleans())
def test_a_contact_has_a_score_or_a_reason(contacts: list[Contact], needs_legal_basis: bool) -> None:
    rows = scored(contacts, needs_legal_basis)
    assert len(rows) == len(contacts)
    for one, row in zip(contacts, rows, strict=True):
        assert (row["score"] is None) != (row["unscored_reason"] is None)
        if row["score"] is None:
            assert [row[column] for column in OF_A_SCORE] == [None] * len(OF_A_SCORE)
        else:
            assert one.is_matched
            assert one.request in (None, "opt_in")
            assert one.birth_year is None or one.birth_year < DAY.year - 18
            assert one.legal_basis == "consent" or not needs_legal_basis
        if one.request in ("opt_out", "erase"):
            assert row["person_id"] is None


@FEW
@given(CONTACTS)
def test_a_score_only_raises_and_having_none_costs_nothing(contacts: list[Contact]) -> None:
    found = [row["priority"] for row in scored(contacts)]
    without = [row["priority"] for row in scored([replace(one, percentile=None) for one in contacts])]
    lowest = [row["priority"] for row in scored([replace(one, percentile=0.0) for one in contacts])]
    assert without == lowest
    assert all(with_score - none in (0, 1) for with_score, none in zip(found, without, strict=True))


@FEW
@given(CONTACTS, st.data())
def test_value_cases_and_failures_only_raise(contacts: list[Contact], data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(contacts) - 1))
    one = contacts[number]
    more = data.draw(
        st.sampled_from(
            [
                replace(one, value=(one.value or 0) + 1000),
                replace(one, open_cases=one.open_cases + 1),
                replace(one, double_failure=True),
                replace(one, percentile=100.0),
            ]
        )
    )
    changed = [*contacts[:number], more, *contacts[number + 1 :]]
    assert scored(changed)[number]["priority"] >= scored(contacts)[number]["priority"]
