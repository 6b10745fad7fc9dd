"""The simulated community: the form of its tables, and that any day can be pulled alone."""

import dataclasses
import pickle
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from orchestration.connectors.community import CommunitySettings, simulate_day, truth
from orchestration.connectors.community.accounts import privacy_requests
from orchestration.connectors.community.content import posts
from orchestration.connectors.community.crm import contacts
from orchestration.connectors.community.follows import endorsements, follows
from orchestration.connectors.community.names import FIRST_NAMES, WORDS, handles
from orchestration.connectors.community.networks import networks
from orchestration.connectors.community.reactions import cascade, mentions
from spark_jobs.arrow_schemas import delivered_schema
from spark_jobs.contracts import contract

TABLES = (
    "activities", "accounts", "identity_links", "endorsements", "deletions", "privacy_requests",
    "crm_contacts", "crm_contact_accounts", "service_events", "outcomes",
)  # fmt: skip
SMALL = CommunitySettings(people=300)


def day(settings: CommunitySettings, number: int) -> dict[str, pa.Table]:
    return simulate_day(settings, settings.first_day + timedelta(days=number))


def delivered(settings: CommunitySettings, days: int, table: str) -> pa.Table:
    tables = [day(settings, number).get(table) for number in range(days)]
    return pa.concat_tables([found for found in tables if found is not None])


@pytest.fixture(scope="module")
def month() -> list[dict[str, pa.Table]]:
    """Thirty days of 500 people, two with a larger community's privacy requests: 500 people make too few."""
    days = [day(CommunitySettings(people=500), number) for number in range(30)]
    for number in (27, 29):
        days[number]["privacy_requests"] = day(CommunitySettings(people=20_000), number)["privacy_requests"]
    return days


def test_the_same_settings_give_the_same_tables() -> None:
    assert day(SMALL, 5) == day(CommunitySettings(people=300), 5)
    assert day(SMALL, 5)["activities"] != day(CommunitySettings(people=300, seed=8), 5)["activities"]


def test_a_day_is_the_same_whatever_was_pulled_before() -> None:
    alone = day(SMALL, 12)
    for number in (0, 11, 40, 13):
        day(SMALL, number)
        day(CommunitySettings(people=310, seed=3), number)
    again = day(SMALL, 12)
    assert list(alone) == list(again)
    assert all(alone[name].equals(again[name]) for name in alone)


def test_a_far_day_needs_no_day_before_it_and_has_newcomers() -> None:
    tables = day(SMALL, 400)
    everybody = set(delivered(SMALL, 1, "accounts")["account_id"].to_pylist())
    actors = set(tables["activities"]["actor_account_id"].to_pylist())
    assert len(actors - everybody) > 10
    assert set(pc.unique(tables["activities"]["network"]).to_pylist()) == {"sample", "forum"}


@pytest.mark.parametrize("what", [posts, cascade, mentions, follows, endorsements])
def test_what_belongs_to_a_day_is_the_same_seen_from_any_later_day(what: Callable[..., object]) -> None:
    growing = CommunitySettings(people=200, newcomers_per_year=5)
    for near, far in zip(networks(growing, 20)[1], networks(growing, 300)[1], strict=True):
        assert len(far.accounts) > len(near.accounts)
        assert pickle.dumps(what(near, 20)) == pickle.dumps(what(far, 20))


def test_before_the_first_day_there_is_nothing() -> None:
    assert day(SMALL, -1) == {}


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_the_contract_form(month: list[dict[str, pa.Table]], name: str) -> None:
    found = [tables[name] for tables in month if name in tables]
    assert found, f"no {name} in thirty days"
    for table in found:
        assert table.num_rows > 0
        assert table.schema == delivered_schema(contract(name))


@pytest.mark.parametrize("name", TABLES)
def test_every_row_keeps_the_contract(month: list[dict[str, pa.Table]], name: str) -> None:
    rules = contract(name)
    for number, tables in enumerate(month):
        if name not in tables:
            continue
        table = tables[name]
        for field in rules.input_fields:
            column = table[field.name]
            if field.required:
                assert column.null_count == 0, field.name
            if field.enum:
                assert set(pc.unique(column).to_pylist()) <= set(field.enum)
            if field.minimum is not None:
                assert (pc.min(column).as_py() or 0) >= field.minimum
            if field.maximum is not None:
                assert (pc.max(column).as_py() or 0) <= field.maximum
            if field.lower_case and field.type == "string":
                assert column.equals(pc.utf8_lower(column))
            if field.not_future:
                end = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number + 1)
                assert pc.max(column).as_py() < end, field.name
        for group in (rules.required_groups,) if rules.required_groups else ():
            for row in table.to_pylist():
                assert any(all(row[column] is not None for column in columns) for columns in group)


@pytest.mark.parametrize("name", [name for name in TABLES if name != "activities"])
def test_keys_are_unique_over_all_days(month: list[dict[str, pa.Table]], name: str) -> None:
    table = pa.concat_tables([tables[name] for tables in month if name in tables])
    keys = table.select(contract(name).key).to_pylist()
    assert len({tuple(key.values()) for key in keys}) == len(keys)


def test_activity_ids_are_unique_over_all_days_but_for_exact_repeats(
    month: list[dict[str, pa.Table]],
) -> None:
    repeats = 0
    seen: set[tuple[str, str]] = set()
    for tables in month:
        rows = tables["activities"].to_pylist()
        once = {(row["network"], row["activity_id"]): row for row in rows}
        assert all(once[row["network"], row["activity_id"]] == row for row in rows)
        assert not seen & once.keys()
        seen |= once.keys()
        repeats += len(rows) - len(once)
    assert 0.001 < repeats / len(seen) < 0.003


def test_a_late_row_comes_exactly_once_and_changes_nothing_else() -> None:
    punctual = CommunitySettings(people=300, late_share=0.0, duplicate_share=0.0)
    tardy = dataclasses.replace(punctual, late_share=0.3)
    expected = {row["activity_id"]: row for row in delivered(punctual, 5, "activities").to_pylist()}
    seen: dict[str, dict[str, object]] = {}
    delays = []
    for number in range(7):
        for row in day(tardy, number)["activities"].to_pylist():
            delays.append(number - (row["occurred_at"].date() - tardy.first_day).days)
            assert row["activity_id"] not in seen
            seen[row["activity_id"]] = row
    in_time = {key: row for key, row in seen.items() if row["occurred_at"].date() < date(2026, 1, 6)}  # type: ignore[attr-defined]
    assert in_time == expected
    assert set(delays) == {0, 1, 2}
    assert 0.25 < np.mean(np.array(delays) > 0) < 0.35


def test_every_account_is_delivered_before_or_with_its_first_activity() -> None:
    growing = CommunitySettings(people=100, newcomers_per_year=15)
    known: set[tuple[str, str]] = set()
    for number in range(15):
        tables = day(growing, number)
        accounts = tables["accounts"].to_pylist()
        known |= {(row["network"], row["account_id"]) for row in accounts}
        assert all(row["created_at"] is None or row["created_at"] <= row["observed_at"] for row in accounts)
        for row in tables["activities"].to_pylist():
            assert (row["network"], row["actor_account_id"]) in known
            assert row["kind"] == "post" or (row["network"], row["target_account_id"]) in known
    assert len(known) > 150


def test_the_first_day_has_all_accounts_and_a_later_one_a_thirtieth() -> None:
    settings = CommunitySettings(people=500)
    first, later = day(settings, 0)["accounts"], day(settings, 10)["accounts"]
    told = truth(settings)
    for column in ("network", "account_id", "handle"):
        assert first[column].to_pylist() == told[column].to_pylist()
    assert len(first) / 60 < len(later) < len(first) / 15
    month_of_updates = delivered(settings, 31, "accounts").slice(len(first))
    assert set(month_of_updates["account_id"].to_pylist()) >= set(first["account_id"].to_pylist())


def test_links_join_the_two_accounts_of_one_person(month: list[dict[str, pa.Table]]) -> None:
    told = truth(CommunitySettings(people=500))
    person = dict(zip(told["account_id"].to_pylist(), told["person"].to_pylist(), strict=True))
    links = pa.concat_tables([tables["identity_links"] for tables in month if "identity_links" in tables])
    accounts: dict[str, list[str]] = {}
    for row in links.to_pylist():
        accounts.setdefault(row["person_key"], []).append(row["account_id"])
    for both in accounts.values():
        assert len(both) == 2
        assert len({person[account] for account in both if account in person}) <= 1
    confidence = links["confidence"].to_numpy()
    assert 0.1 < np.mean(confidence < 1) < 0.9


def test_privacy_requests_are_few_and_come_after_the_tenth_day() -> None:
    large = CommunitySettings(people=10_000)
    assert all("privacy_requests" not in day(large, number) for number in (0, 5, 10))
    assert 1 <= len(day(large, 20)["privacy_requests"]) <= 10


def test_privacy_requests_are_of_all_kinds_and_name_accounts_or_contacts() -> None:
    large = CommunitySettings(people=20_000)
    crowd, both = networks(large, 60)
    known = contacts(large, crowd, 60)
    requests = pa.concat_tables([privacy_requests(both, crowd, known, number) for number in range(60)])
    assert set(requests["request"].to_pylist()) == {"opt_out", "erase", "object", "opt_in"}
    assert 0 < requests["contact_id"].null_count < len(requests)
    assert requests["contact_id"].is_null().to_pylist() == requests["account_id"].is_valid().to_pylist()


def test_the_crm_knows_one_person_in_twenty_and_some_handles() -> None:
    settings = CommunitySettings(people=2000)
    tables = day(settings, 0)
    contacts, accounts = tables["crm_contacts"], tables["crm_contact_accounts"]
    assert 50 <= len(contacts) <= 130
    handles_known = {(row["network"], row["handle"]) for row in tables["accounts"].to_pylist()}
    assert {(row["network"], row["handle"]) for row in accounts.to_pylist()} <= handles_known
    assert set(accounts["contact_id"].to_pylist()) < set(contacts["contact_id"].to_pylist())
    assert "crm_contacts" not in day(CommunitySettings(people=200, crm_share=0), 0)


def test_deleted_content_existed(month: list[dict[str, pa.Table]]) -> None:
    deleted = pa.concat_tables([tables["deletions"] for tables in month if "deletions" in tables])
    posted = {
        (row["network"], row["activity_id"]): row["occurred_at"]
        for tables in month
        for row in tables["activities"].filter(pc.equal(tables["activities"]["kind"], "post")).to_pylist()
    }
    for row in deleted.to_pylist():
        assert posted[row["network"], row["content_id"]] < row["deleted_at"]


@pytest.mark.parametrize("seed", [0, 7, 12345])
@pytest.mark.parametrize("people", [1, 20, 400])
def test_ada_is_always_there(people: int, seed: int) -> None:
    accounts = day(CommunitySettings(people=people, seed=seed), 0)["accounts"].to_pylist()
    (ada,) = [row for row in accounts if row["handle"] == "ada" and row["network"] == "sample"]
    assert ada["created_at"] < datetime(2017, 1, 1, tzinfo=UTC)
    assert ada["is_verified"] is True


def test_handles_are_unique_in_either_style() -> None:
    assert not set(FIRST_NAMES) & set(WORDS)
    people = np.arange(3 * len(FIRST_NAMES) * len(WORDS), dtype=np.int64)
    for style in ("name_first", "word_first"):
        assert len(pc.unique(handles(people, 7, style))) == len(people)


def test_the_smallest_communities_work() -> None:
    for people in (1, 2, 5):
        settings = CommunitySettings(people=people, newcomers_per_year=20)
        for number in (0, 1, 30):
            assert "activities" in day(settings, number) or people < 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"people": 0},
        {"seed": -1},
        {"late_share": 1.5},
        {"crm_share": -0.1},
        {"duplicate_share": 2},
        {"newcomers_per_year": -1},
    ],
)
def test_settings_out_of_bounds_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CommunitySettings(**wrong)  # type: ignore[arg-type]


def test_a_day_of_two_thousand_people_takes_half_a_second_at_most() -> None:
    seconds = []
    for number in (10, 11, 12):
        begin = time.process_time()
        day(CommunitySettings(people=2000), number)
        seconds.append(time.process_time() - begin)
    assert min(seconds) < 0.5
