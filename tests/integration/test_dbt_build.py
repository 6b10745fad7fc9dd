"""The warehouse built by dbt from a lake: its shape, its numbers, and what must not be in it."""

from __future__ import annotations

import json
import shutil
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from orchestration.publishing import publish_syncs, publish_warehouse
from orchestration.settings import Settings
from orchestration.validation import baseline
from orchestration.validation.measures import deciles, difference, forecasts, wilson
from spark_jobs.arrow_schemas import arrow_schema
from spark_jobs.contracts import contracts
from spark_jobs.lake import Lake
from tests.fixtures.lake_days import FIRST, Community, at, days_from, put
from tests.fixtures.warehouse import MARTS, Warehouse, failures

COMMUNITY = Community(people=40)
DAYS = days_from(FIRST, 9)
LAST = DAYS[-1]
HELD_BACK = LAST + timedelta(days=1)
EVALUATED = DAYS[3]
REFERRING = (0, 8, 16, 28)
# People who opted out, who object and who were failed twice. The contact before an odd one has its address.
GONE, OBJECTING, UNHAPPY = 5, 13, 24
CORE_AND_BI = ("core.person", "core.person_account", "core.daily_score", "bi.score_latest", "bi.score_trend")


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Nine published days and one that was held back, built with every unit test and data test."""
    home = tmp_path_factory.mktemp("build")
    lake = Lake(str(home))
    COMMUNITY.write(lake, DAYS)
    COMMUNITY.write(lake, [HELD_BACK], publish=False)
    request = {"network": "forum", "source": "test", "requested_at": at(HELD_BACK)}
    put(
        lake,
        "privacy_requests",
        HELD_BACK,
        [
            request | {"account_id": f"p{GONE}", "request": "opt_out"},
            request | {"account_id": f"p{OBJECTING}", "request": "object"},
        ],
    )
    event = {"crm": "crm", "contact_id": f"c{UNHAPPY}", "source": "test"}
    events = [
        event | {"event_id": f"e{n}", "kind": "case", "occurred_at": at(DAYS[1], n), "resolved": False}
        for n in range(2)
    ]
    # As written before the contract had its newest columns.
    older = pa.Table.from_pylist(events, arrow_schema("service_events")).drop_columns(
        ["deleted", "updated_at"]
    )
    lake.write_arrow("service_events", DAYS[1], older, "test")
    put(lake, "check_result", HELD_BACK, [_failed_check()])
    _put_validation(lake)
    _put_campaign(lake)
    _put_sync(lake)
    # What a killed run leaves behind: files that no manifest names.
    stray = lake.read_arrow("daily_score", LAST)
    assert stray is not None
    strangers = pa.array([f"acct:forum:stray{n}" for n in range(stray.num_rows)])
    lake.put_parquet("daily_score", LAST, stray.set_column(0, "person_id", strangers))
    found = Warehouse(home)
    result = found.dbt("build")
    assert result.success, failures(result)
    assert result.result is not None
    ran = [node.node.resource_type for node in result.result.results]
    assert ran.count("unit_test") >= 30
    assert ran.count("test") >= 45
    return found


def _put_sync(lake: Lake, run_id: str = "sync1", day: date = HELD_BACK) -> None:
    """A sync of two contacts, one of them of a person who has opted out since."""
    run = {"crm": "crm", "run_id": run_id, "as_of": LAST}
    sent = {
        "action": "send",
        "refusals": 0,
        "causes": ["score"],
        "left_alone": [],
        "attempted_at": at(day),
    }
    fates = {2: ("refused", "score: too large"), GONE - 1: ("confirmed", None)}
    rows = [
        run
        | sent
        | {"contact_id": f"c{number}", "person_id": COMMUNITY.person(number if number == 2 else GONE)}
        | {"sequence": place, "status": status, "message": message, "sent_values": "{}"}
        for place, (number, (status, message)) in enumerate(fates.items())
    ]
    put(lake, "deliveries", day, rows)
    counts = dict.fromkeys(
        [field.name for field in contracts()["crm_sync"].lake_fields if field.type == "bigint"], 0
    )
    times = {
        "started_at": at(day),
        "ended_at": at(day, 13),
        "status": "failed",
        "reason": "refused",
    }
    put(lake, "crm_sync", day, [run | counts | times | {"planned": 2, "confirmed": 1, "refused": 1}])


def _put_validation(lake: Lake) -> None:
    """Follows and outcomes around a day in the middle, and its baseline as the pipeline measures it."""
    rng = np.random.default_rng(5)
    pairs = {tuple(rng.integers(0, COMMUNITY.people, 2).tolist()) for _ in range(150)}
    ends = [
        {"network": "forum", "actor_account_id": f"p{a}", "target_account_id": f"p{b}", "since": at(FIRST)}
        for a, b in sorted(pairs)
    ]
    follows = pa.Table.from_pylist(ends, arrow_schema("follow_state"))
    lake.write_arrow("follow_state", EVALUATED, follows, "test", {"whole": True})
    came = {"crm": "crm", "source": "test", "kind": "referral", "occurred_at": at(LAST)}
    put(lake, "outcomes", LAST, [came | {"outcome_id": f"o{n}", "contact_id": f"c{n}"} for n in REFERRING])
    lake.write_arrow(baseline.TABLE, EVALUATED, baseline.measure(lake, EVALUATED), "test")


def _put_campaign(lake: Lake) -> None:
    """A draw of four, of whom one opted out since, and the trial that followed."""
    drawn = {"campaign_id": "spring", "crm": "crm", "drawn_at": at(DAYS[2]), "outcome_kinds": ["trial"]}
    drawn |= {"measured_days": 5, "definition": "{}"}
    groups = {0: "invited", 8: "invited", GONE - 1: "invited", 16: "control"}
    # Contacts have the address of the next person.
    people = {number: COMMUNITY.person(number + number % 8 // 4) for number in groups}
    rows = [
        drawn | {"contact_id": f"c{n}", "group_name": group, "person_id": people[n]}
        for n, group in groups.items()
    ]
    put(lake, "campaign_audience", DAYS[2], rows)
    trial = {"crm": "crm", "source": "test", "kind": "trial", "outcome_id": "tried", "contact_id": "c8"}
    put(lake, "outcomes", DAYS[4], [trial | {"occurred_at": at(DAYS[4])}])


def _failed_check() -> dict[str, object]:
    return {"stage": "score", "table_name": "daily_score", "check_name": "range", "passed": False}


# --- shape ------------------------------------------------------------------------------------------


def test_marts_are_those_of_the_contracts_in_columns_order_and_types(warehouse: Warehouse) -> None:
    found = warehouse.rows(
        """
        select table_schema || '.' || table_name, column_name, data_type from information_schema.columns
        where table_schema in ('core', 'bi', 'crm') order by table_schema, table_name, ordinal_position
        """
    )
    expected = [
        (name, field.name, field.physical_type)
        for name, dataset in sorted(contracts().items(), key=lambda item: item[0].split("."))
        if dataset.layer == "mart" and dataset.status == "active"
        for field in dataset.fields
    ]
    assert found == expected


def test_tables_of_staging_have_the_days_that_are_published(warehouse: Warehouse) -> None:
    for table in ("activities", "accounts", "person_account", "daily_score", "score_part"):
        assert warehouse.rows(f"select max(day) from staging.stg_{table}") == [(LAST,)]
    for table in ("conform_count", "quarantine", "check_result"):
        assert warehouse.rows(f"select max(day) from staging.stg_{table}") == [(HELD_BACK,)]


def test_a_table_that_the_lake_does_not_have_is_empty_and_typed(warehouse: Warehouse) -> None:
    assert warehouse.rows("select count(*) from staging.stg_deletions") == [(0,)]
    columns = "select data_type from information_schema.columns where table_name = 'stg_deletions'"
    assert warehouse.rows(f"{columns} order by ordinal_position") == [("VARCHAR",), ("VARCHAR",), ("DATE",)]


def test_times_are_utc_without_a_zone(warehouse: Warehouse) -> None:
    [(published,)] = warehouse.rows(
        f"select distinct published_at from core.daily_score where day = '{FIRST}'"
    )
    assert published == at(FIRST + timedelta(days=1), 2).replace(tzinfo=None)


# --- numbers ----------------------------------------------------------------------------------------


def visible() -> list[int]:
    return [number for number in range(COMMUNITY.people) if number != GONE]


def test_latest_scores_and_changes(warehouse: Warehouse) -> None:
    today, yesterday, week = (COMMUNITY.scores(LAST - timedelta(days=n)) for n in (0, 1, 7))
    expected = {}
    for number in visible():
        if not np.isnan(today[number]):
            changes = [round(float(today[number] - before[number]), 4) for before in (yesterday, week)]
            expected[COMMUNITY.person(number)] = (float(today[number]), *changes, None)
    found = warehouse.rows("select person_id, score, change_1d, change_7d, change_30d from bi.score_latest")
    assert {row[0]: row[1:] for row in found if row[1] is not None} == expected
    assert [row[0] for row in found if row[1] is None] == [COMMUNITY.person(COMMUNITY.people - 1)]


def test_every_score_is_explained_by_its_numbers(warehouse: Warehouse) -> None:
    found = warehouse.rows(
        "select score, change_7d, score_high - score_low as width, explanation from bi.score_latest"
    )
    kinds = set()
    for score, change, width, said in found:
        if score is None:
            assert said.startswith("No score: the account never did anything itself")
            continue
        kind = "steady" if abs(change) < 0.5 else "up" if change > 0 else "down"
        kinds.add(kind)
        moved = kind if kind == "steady" else f"{kind} {abs(change):.1f}"
        assert said.startswith(f"{score:.0f}, {moved} this week: ")
        assert ("; 95 % between " in said) == (width is not None)
    assert kinds == {"steady", "up", "down"}


def test_ranks_follow_scores(warehouse: Warehouse) -> None:
    ranks = warehouse.rows("select rank from bi.score_latest where score is not null order by score desc")
    assert [rank for (rank,) in ranks] == list(range(1, len(visible())))


def test_linked_accounts_are_one_person_under_the_handle_of_the_main_account(warehouse: Warehouse) -> None:
    found = warehouse.rows("select handle, networks, accounts from core.person where person_id = 'key:k10'")
    assert found == [("Person10", "blog,forum", 2)]


def test_trend_has_every_person_and_day(warehouse: Warehouse) -> None:
    counted = warehouse.rows("select count(*), count(distinct day), count(change_1d) from bi.score_trend")
    scored = len(visible()) - 1
    assert counted == [(len(visible()) * len(DAYS), len(DAYS), scored * (len(DAYS) - 1))]


def test_stability_of_a_calm_community(warehouse: Warehouse) -> None:
    columns = "day, people, people_compared, psi_1d is null, largest_move, verdict"
    rows = warehouse.rows(f"select {columns} from bi.score_stability order by day")
    assert [row[0] for row in rows] == DAYS
    assert rows[0][1:] == (39, 0, True, None, "not_judged")
    for day, people, compared, without_psi, largest, verdict in rows[1:]:
        moves = np.abs(COMMUNITY.scores(day) - COMMUNITY.scores(day - timedelta(days=1)))
        assert (people, compared, without_psi, verdict) == (39, 39, False, "not_judged")
        assert largest == pytest.approx(np.nanmax(moves), abs=1e-4)


def test_data_quality_shows_the_day_that_was_held_back(warehouse: Warehouse) -> None:
    columns = "source, table_name, checks_failed"
    found = warehouse.rows(f"select {columns} from bi.data_quality where day = '{HELD_BACK}' order by all")
    tables = [("test", name, 0) for name in ("accounts", "activities", "crm_contacts")]
    assert found == [("score", "daily_score", 1), *tables]


def test_validation_says_in_sql_what_the_measures_say(warehouse: Warehouse) -> None:
    found = baseline.measure(Lake(str(warehouse.home)), EVALUATED).to_pylist()
    kept = [row for row in found if row["person_id"] != COMMUNITY.person(GONE)]
    assert 25 < len(kept) < len(found)
    scores = dict(
        warehouse.rows(f"select person_id, score from intermediate.int_score where day = '{EVALUATED}'")
    )
    people = [row["person_id"] for row in kept]
    columns = ("reactions_7d", "reactions_30d", "pagerank_follows", "pagerank_reactions")
    predictors = {name: np.array([row[name] for row in kept]) for name in columns} | {
        "score": np.array([scores[person] for person in people]),
        "momentum": np.array([scores[person] for person in people]),
        "log_followers": np.log1p([row["followers"] for row in kept]),
    }
    received = np.array([row["next_reactions"] for row in kept])
    expected = {
        name: (pytest.approx(told.spearman, abs=1e-4), pytest.approx(told.top_decile_lift, abs=1e-4))
        for name, told in forecasts(predictors, received, people).items()
    }
    told = warehouse.rows(
        "select distinct predictor, spearman, top_decile_lift, as_of_day, basis, history_days"
        " from bi.score_validation"
    )
    assert {row[0]: row[1:3] for row in told} == expected
    assert {row[3:] for row in told} == {(EVALUATED, "latest", 4)}
    of_scores = deciles(predictors["score"], people)
    rows = warehouse.rows(
        "select decile, people, mean_reactions from bi.score_validation where predictor = 'score' order by 1"
    )
    assert [row[:2] for row in rows] == [(n, (of_scores == n).sum()) for n in range(1, 11)]
    means = [received[of_scores == n].mean() for n in range(1, 11)]
    assert [row[2] for row in rows] == pytest.approx(means, abs=1e-4)


def test_referrals_are_rates_of_the_contacts_with_intervals(warehouse: Warehouse) -> None:
    rows = warehouse.rows(
        "select contacts, referrals, referral_rate, referral_rate_low, referral_rate_high, orders"
        " from bi.score_validation where predictor = 'momentum'"
    )
    assert sum(row[1] for row in rows) > 0
    for contacts, referrals, rate, low, high, orders in rows:
        interval = wilson(referrals, contacts)
        assert (rate, low, high) == pytest.approx(
            (referrals / contacts, *interval) if interval else (None,) * 3, abs=1e-4
        )
        assert orders is None


def test_content_of_the_last_seven_days_leads(warehouse: Warehouse) -> None:
    [(reactions, distinct)] = warehouse.rows(
        f"""
        select count(*), count(distinct content_id) from staging.stg_activities
        where day > date '{LAST}' - 7 and kind in ('like', 'reply', 'repost')
            and target_account_id not in ('p{GONE}', 'p{OBJECTING}')
        """
    )
    found = warehouse.rows(
        "select sum(reactions), count(*), min(rank), count(posted_at) from bi.content_leaderboard"
    )
    assert found == [(reactions, distinct, 1, distinct)]


def test_model_version_counts_the_days(warehouse: Warehouse) -> None:
    assert warehouse.rows("from core.model_version") == [("v1", FIRST, LAST, len(DAYS), len(DAYS))]


# --- contacts ---------------------------------------------------------------------------------------


def contact(warehouse: Warehouse, number: int, columns: str) -> tuple[object, ...]:
    [row] = warehouse.rows(f"select {columns} from crm.contact_score where contact_id = 'c{number}'")
    return row


def test_a_contact_is_found_by_handle_or_email(warehouse: Warehouse) -> None:
    columns = "person_id, match_method, match_confidence, day"
    assert contact(warehouse, 8, columns) == ("acct:forum:p8", "handle", 0.95, LAST)
    # The address of contact 20, in other letters, is that of person 21.
    assert contact(warehouse, 20, columns) == ("acct:forum:p21", "email", 0.9, LAST)


def test_a_contacts_score_comes_with_topics_and_a_sentence(warehouse: Warehouse) -> None:
    score, sentence, *topics = contact(warehouse, 8, "score, sentence, topic_1, topic_2, topic_3")
    assert score == COMMUNITY.scores(LAST)[8]
    [(explanation,)] = warehouse.rows(
        f"select explanation from bi.score_latest where person_id = '{COMMUNITY.person(8)}'"
    )
    assert sentence == f"{explanation}. It measures attention, not approval and not worth."
    assert topics == ["books", "bread", None]


def test_two_failures_and_open_cases_raise_the_priority(warehouse: Warehouse) -> None:
    columns = "service_events_90d, open_cases, double_failure, priority"
    assert contact(warehouse, UNHAPPY, columns) == (2, 2, True, 3)
    assert contact(warehouse, 8, columns) == (0, 0, False, 0)


def test_who_objects_has_no_score_and_no_worse_place(warehouse: Warehouse) -> None:
    columns = "person_id, score, day, sentence, unscored_reason, priority"
    expected = (f"acct:forum:p{OBJECTING}", None, None, None, "objection", 0)
    assert contact(warehouse, OBJECTING - 1, columns) == expected


def test_who_opted_out_keeps_an_empty_contact(warehouse: Warehouse) -> None:
    # Nobody's publication is waited for: the request came on the day that was held back.
    columns = (
        "person_id, match_method, score, score_low, change_7d, topic_1, sentence, unscored_reason, currency"
    )
    expected = (None, None, None, None, None, None, None, "opted_out", "EUR")
    assert contact(warehouse, GONE - 1, columns) == expected


def test_who_opted_out_is_in_no_mart(warehouse: Warehouse) -> None:
    signs = {f"acct:forum:p{GONE}", f"p{GONE}", f"Person{GONE}", f"Person {GONE}"}
    for name, rows in warehouse.marts().items():
        assert not signs & {str(value) for row in rows for value in row}, name


def test_every_sync_and_its_records_fates_are_shown_but_for_who_opted_out(warehouse: Warehouse) -> None:
    columns = "run_id, contact_id, causes, status, message, refusals"
    found = warehouse.rows(f"select {columns} from crm.sync_history")
    assert found == [("sync1", "c2", ["score"], "refused", "score: too large", 0)]
    runs = warehouse.rows("select run_id, status, planned, confirmed, refused from crm.sync_run")
    assert runs == [("sync1", "failed", 2, 1, 1)]


def test_what_a_sync_did_is_shown_before_dbt_runs_again(warehouse: Warehouse, tmp_path: Path) -> None:
    shutil.copytree(warehouse.home, tmp_path / "home")
    settings = Settings(home=str(tmp_path / "home"))
    before = publish_warehouse(settings)
    _put_sync(Lake(settings.home), "sync2", HELD_BACK + timedelta(days=1))
    after = publish_syncs(settings)
    assert after is not None
    grown = {name: rows for name, rows in after.tables.items() if rows != before.tables[name]}
    assert (grown, after.tables.keys()) == ({"crm.sync_history": 2, "crm.sync_run": 2}, before.tables.keys())
    columns = "run_id, contact_id, causes, status, message, refusals, attempted_at"
    with duckdb.connect(after.path, read_only=True) as copy:
        found = copy.execute(f"select {columns} from crm.sync_history order by 1").fetchall()
        runs = copy.execute(
            "select run_id, planned, confirmed, refused from crm.sync_run order by 1"
        ).fetchall()
        types = copy.execute("describe crm.sync_history").fetchall()
    told = ("c2", ["score"], "refused", "score: too large", 0)
    assert [row[:-1] for row in found] == [("sync1", *told), ("sync2", *told)], "and nobody who opted out"
    assert found[1][-1] == at(HELD_BACK + timedelta(days=1)).replace(tzinfo=None)
    assert runs == [("sync1", 2, 1, 1), ("sync2", 2, 1, 1)]
    assert [row[:2] for row in types] == [row[:2] for row in warehouse.rows("describe crm.sync_history")]
    assert publish_syncs(settings) == after


def test_files_without_a_manifest_do_not_exist(warehouse: Warehouse) -> None:
    for name in CORE_AND_BI:
        assert warehouse.rows(f"select count(*) from {name} where person_id like '%stray%'") == [(0,)]


def test_everything_was_tested_and_marked(warehouse: Warehouse) -> None:
    assert warehouse.rows("select count(*) from ops.built_day where not tested") == [(0,)]


# --- campaigns --------------------------------------------------------------------------------------


def test_an_audience_is_the_draw_without_who_left(warehouse: Warehouse) -> None:
    found = warehouse.rows("select contact_id, group_name from crm.campaign_audience order by all")
    assert found == [("c0", "invited"), ("c16", "control"), ("c8", "invited")]


def test_the_lift_of_a_campaign_is_invited_less_control(warehouse: Warehouse) -> None:
    columns = "group_name, people, converted, is_complete, rate"
    found = warehouse.rows(f"select {columns} from bi.campaign_lift order by group_name desc")
    assert found == [("invited", 2, 1, True, 0.5), ("control", 1, 0, True, 0.0)]
    lifts = warehouse.rows("select distinct lift, lift_low, lift_high from bi.campaign_lift")
    assert lifts == [pytest.approx(difference(1, 2, 0, 1), abs=1e-4)]


# --- documentation and exposures --------------------------------------------------------------------


def test_docs_describe_every_column_of_the_marts(warehouse: Warehouse) -> None:
    result = warehouse.dbt("docs", "generate", "--no-compile")
    assert result.success, result.exception
    target = warehouse.home / "dbt" / "target"
    catalog = json.loads((target / "catalog.json").read_text())
    manifest = json.loads((target / "manifest.json").read_text())
    models = {
        key: node
        for key, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and node["schema"] in MARTS
    }
    active = [d for d in contracts().values() if d.layer == "mart" and d.status == "active"]
    assert len(models) == len(active)
    assert set(models) <= set(catalog["nodes"])
    for node in models.values():
        assert node["description"]
        assert all(column["description"] for column in node["columns"].values())
    assert {exposure["name"] for exposure in manifest["exposures"].values()} == {
        "dashboards",
        "crm_sync",
        "campaigns",
    }


# --- the published copy ------------------------------------------------------------------------------


def test_the_copy_equals_the_marts_that_dbt_built(warehouse: Warehouse) -> None:
    copy = publish_warehouse(Settings(home=str(warehouse.home)))
    marts = warehouse.marts()
    assert copy.tables == {name: len(rows) for name, rows in marts.items()}
    with duckdb.connect(copy.path, read_only=True) as connection:
        for name, rows in marts.items():
            assert connection.execute(f"from {name} order by all").fetchall() == rows, name


# --- nothing yet ------------------------------------------------------------------------------------


def test_an_empty_home_builds_empty_marts(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.run()
    marts = warehouse.marts()
    active = {n for n, d in contracts().items() if d.layer == "mart" and d.status == "active"}
    assert set(marts) == active
    assert all(rows == [] for rows in marts.values())
