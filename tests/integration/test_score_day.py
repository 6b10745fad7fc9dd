"""Scoring a range of days in Spark: incremental, repeatable, and refusing what has no yesterday."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from orchestration.connectors.community import CommunitySettings, simulate_day
from spark_jobs.jobs.process import JobError
from spark_jobs.jobs.score_day import score
from spark_jobs.lake import Lake
from spark_jobs.scoring_model import load_model
from spark_jobs.taxonomy import load_taxonomy
from spark_jobs.transforms.scoring.block_tables import NETWORK_STATES, PERSON_OUTPUT

PEOPLE, DAYS = 200, 12
FIRST = CommunitySettings().first_day
ALL_DAYS = [FIRST + timedelta(days=offset) for offset in range(DAYS)]
MODEL = load_model("v1")


def fill(home: str, order: int = 1, files: int = 1) -> Lake:
    """A lake with the sample's days as conform leaves them; rows in any order, in any number of files."""
    lake = Lake(home)
    lake.declare_first_day(FIRST)
    community = CommunitySettings(people=PEOPLE)
    for day in ALL_DAYS:
        for name, table in simulate_day(community, day).items():
            rows = table.append_column("source", pa.array(["sample"] * len(table)))
            if name == "activities":
                # Exact doubles are conform's to find; here every row is one that it accepted.
                late = [(day - moment.date()).days for moment in table["occurred_at"].to_pylist()]
                rows = rows.append_column("late_days", pa.array(late, pa.int32()))
                rows = rows.take(pa.array(first_of_each(rows["activity_id"])))
            rows = rows.take(pa.array(range(len(rows))[::order]))
            pieces = [
                rows.slice(start, len(rows) // files + 1)
                for start in range(0, len(rows), len(rows) // files + 1)
            ]
            lake.commit(name, day, [lake.put_parquet(name, day, piece) for piece in pieces], "test")
        lake.commit("conform_count", day, [], "test")
    return lake


def first_of_each(ids: pa.ChunkedArray) -> list[int]:
    seen: dict[str, int] = {}
    for index, value in enumerate(ids.to_pylist()):
        seen.setdefault(value, index)
    return list(seen.values())


def query(lake: Lake, sql: str) -> list[tuple[object, ...]]:
    """Rows of a query over the scored tables, each by its name."""
    with duckdb.connect() as connection:
        for name in (*NETWORK_STATES, *PERSON_OUTPUT, "person_account", "person_state"):
            place = lake.pending if name in PERSON_OUTPUT else lake
            if files := place.files(name, place.days(name)):
                source = f"read_parquet({files!r}, hive_partitioning=true)"
                connection.execute(f"create view {name} as select * from {source}")
        return connection.execute(sql).fetchall()


def rows(lake: Lake, name: str) -> list[tuple[object, ...]]:
    """All rows of a table in one fixed order, to the bit."""
    place = lake.pending if name in PERSON_OUTPUT else lake
    # A table without a single file is no view: few days have topics, for example.
    return query(lake, f"select * from {name} order by all") if place.files(name, place.days(name)) else []


@pytest.fixture(scope="module")
def scored(spark, tmp_path_factory):
    lake = fill(str(tmp_path_factory.mktemp("scored")))
    report = score(spark, lake, ALL_DAYS, MODEL, "whole")
    return lake, report


def test_every_day_has_every_table(scored):
    lake, report = scored
    for day in ALL_DAYS:
        assert all(lake.exists(name, day) for name in NETWORK_STATES)
        assert all(lake.pending.exists(name, day) for name in PERSON_OUTPUT)
        assert report.rows[day]["daily_score"] > PEOPLE // 2


def test_neither_pieces_nor_order_nor_groups_of_people_matter(spark, scored, tmp_path, monkeypatch):
    """Two days alone and the rest at once, people in three groups, rows backwards and in three files."""
    monkeypatch.setattr("spark_jobs.jobs.score_day.PEOPLE_A_GROUP", PEOPLE // 3)
    lake = fill(str(tmp_path), order=-1, files=3)
    for days in (ALL_DAYS[:1], ALL_DAYS[1:2], ALL_DAYS[2:]):
        score(spark, lake, days, MODEL, "pieces")
    for name in (*NETWORK_STATES, *PERSON_OUTPUT, "person_account", "person_state"):
        assert rows(lake, name) == rows(scored[0], name), name


def copied(scored, folder) -> Lake:
    """The scored lake once more, for a test that changes it."""
    shutil.copytree(scored[0].root, folder / "home")
    return Lake(str(folder / "home"))


def test_scoring_again_gives_the_same(spark, scored, tmp_path):
    lake = copied(scored, tmp_path)
    for day in ALL_DAYS[-2:]:
        stray = tmp_path / "home" / "pending" / "daily_score" / f"day={day}"
        (stray / "part-of-a-killed-run.parquet").write_bytes(b"half")
    before = lake.pending.manifest("daily_score", ALL_DAYS[-1])
    score(spark, lake, ALL_DAYS[-2:], MODEL, "again")
    assert lake.pending.manifest("daily_score", ALL_DAYS[-1]) != before
    for name in (*NETWORK_STATES, *PERSON_OUTPUT, "person_state"):
        assert rows(lake, name) == rows(scored[0], name), name


def test_a_state_of_an_earlier_form_goes_on(spark, scored, tmp_path):
    """Homes made before pairs remembered what of them stands have no such columns."""
    lake = copied(scored, tmp_path)
    earlier = lake.read_arrow("pair_state", ALL_DAYS[-2]).drop_columns(["taken", "standing"])
    lake.write_arrow("pair_state", ALL_DAYS[-2], earlier, "earlier")
    score(spark, lake, ALL_DAYS[-1:], MODEL, "later")
    last = f"daily_score where day = '{ALL_DAYS[-1]}'"
    [(scores, finite)] = query(lake, f"select count(score), count(*) filter (isfinite(score)) from {last}")
    assert scores == finite > PEOPLE // 2


def test_parts_add_up_to_the_score(scored):
    lake, _ = scored
    [(worst, people)] = query(
        lake,
        """
        select max(abs(coalesce(parts, 0) - score)), count(*)
        from daily_score left join (
            select person_id, day, sum(points) as parts from score_part group by all
        ) using (person_id, day)
        where score is not null
        """,
    )
    assert people > 0
    assert worst <= 0.01


def test_changes_add_up_to_the_difference_from_yesterday(scored):
    lake, _ = scored
    [(worst, people)] = query(
        lake,
        """
        with moved as (
            select *, score - lag(score) over (partition by person_id order by day) as moved from daily_score
        )
        select max(abs(coalesce(causes, 0) - moved)), count(*)
        from moved left join (
            select person_id, day, sum(points) as causes from score_change group by all
        ) using (person_id, day)
        where moved is not null
        """,
    )
    assert people > 0
    assert worst <= 0.0101


def test_the_taxonomy_is_named_and_its_labels_kept(scored):
    lake, _ = scored
    taxonomy = load_taxonomy()
    notes = lake.pending.manifest("topic_score", ALL_DAYS[-1]).notes
    assert (notes["taxonomy"], notes["taxonomy_digest"]) == ("default", taxonomy.digest)
    labels = lake.read_arrow("topic_label", FIRST).to_pylist()
    assert {"topic": "football", "label": "Football", "parent": "sport"} in labels
    assert len(labels) == len(taxonomy.topics)
    # The same taxonomy says nothing new the day after.
    assert lake.manifest("topic_label", ALL_DAYS[1]).rows == 0
    topics = {row[0] for row in query(lake, "select distinct topic from topic_score")}
    assert topics
    assert topics <= set(taxonomy.topics)


def test_another_taxonomy_says_so_from_its_first_day(spark, scored, tmp_path):
    (tmp_path / "own.csv").write_text("topic,label,parents,terms\nball,Ball games,,football|Gaming\n")
    lake = copied(scored, tmp_path)
    own = load_taxonomy(str(tmp_path / "own.csv"), "drop")
    score(spark, lake, ALL_DAYS[-2:], MODEL, "after", taxonomy=own)
    assert lake.read_arrow("topic_label", ALL_DAYS[-2]).to_pylist() == [
        {"topic": "ball", "label": "Ball games", "parent": None}
    ]
    assert [lake.manifest("topic_label", day).rows for day in ALL_DAYS[-3:]] == [0, 1, 0]
    known = query(lake, f"select distinct topic from topic_state where day >= '{ALL_DAYS[-2]}'")
    assert known == [("ball",)]


def test_percentiles_cover_those_who_are_scored(scored):
    lake, _ = scored
    [(low, high, without)] = query(
        lake,
        """
        select min(percentile), max(percentile),
            count(*) filter (where (score is null) <> (percentile is null))
        from daily_score where day = (select max(day) from daily_score)
        """,
    )
    assert (low, without) == (0.0, 0)
    assert high > 99


def test_whoever_never_acted_is_not_scored(scored):
    lake, _ = scored
    reasons = dict(
        query(lake, "select coalesce(unscored_reason, ''), count(score) from daily_score group by 1")
    )
    assert reasons.pop("") > 0
    assert reasons["never_acted"] == 0


def test_a_day_without_yesterday_is_refused(spark, tmp_path):
    lake = fill(str(tmp_path))
    with pytest.raises(JobError, match=f"{ALL_DAYS[2]} cannot be scored: {ALL_DAYS[1]} was not"):
        score(spark, lake, ALL_DAYS[2:4], MODEL, "gap")
    assert not lake.pending.days("daily_score")


def test_days_that_do_not_follow_each_other_are_refused(spark, tmp_path):
    lake = fill(str(tmp_path))
    with pytest.raises(JobError, match="must follow each other"):
        score(spark, lake, [ALL_DAYS[0], ALL_DAYS[2]], MODEL, "gap")


def test_a_day_that_was_not_conformed_is_refused(spark, tmp_path):
    lake = Lake(str(tmp_path))
    lake.declare_first_day(date(2026, 1, 1))
    with pytest.raises(JobError, match="not conformed"):
        score(spark, lake, [date(2026, 1, 1)], MODEL, "early")


def test_a_day_without_any_rows_is_still_a_day(spark, tmp_path):
    lake = Lake(str(tmp_path))
    lake.declare_first_day(FIRST)
    lake.commit("conform_count", FIRST, [], "test")
    report = score(spark, lake, [FIRST], MODEL, "empty")
    assert report.rows[FIRST]["daily_score"] == 0
    assert lake.pending.exists("daily_score", FIRST)


def test_opted_out_and_erased_people(spark, tmp_path):
    lake = fill(str(tmp_path))
    accounts = lake.read_arrow("accounts", FIRST)
    acted = set(lake.read_arrow("activities", FIRST)["actor_account_id"].to_pylist())
    linked = set(lake.read_arrow("identity_links", FIRST)["account_id"].to_pylist())
    sample = accounts.filter(pc.equal(accounts["network"], "sample"))["account_id"].to_pylist()
    leaver, erased = [name for name in sample if name in acted and name not in linked][:2]
    asked = ALL_DAYS[2]
    requests = pa.Table.from_pylist(
        [
            {"network": "sample", "account_id": name, "request": request, "source": "test"}
            for name, request in ((leaver, "opt_out"), (erased, "erase"))
        ]
    )
    moment = pa.array([asked] * 2, pa.date32()).cast(pa.timestamp("us", "UTC"))
    lake.write_arrow("privacy_requests", asked, requests.append_column("requested_at", moment), "test")
    score(spark, lake, ALL_DAYS[:4], MODEL, "privacy")
    standing = query(
        lake,
        f"select day, score is null, unscored_reason from daily_score "
        f"where person_id = 'acct:sample:{leaver}' order by day",
    )
    assert [(day, *rest) for day, *rest in standing] == [
        (day, day >= asked, "opted_out" if day >= asked else None) for day in ALL_DAYS[:4]
    ]
    seen = query(lake, f"select max(day) from daily_score where person_id = 'acct:sample:{erased}'")
    assert seen == [(ALL_DAYS[1],)]
    listed = query(
        lake,
        f"select count(*) from score_reactor "
        f"where day >= '{asked}' and account_id in ('{leaver}', '{erased}')",
    )
    assert listed == [(0,)]


def test_a_person_of_two_networks_has_one_persons_endorsements(spark, tmp_path):
    lake = Lake(str(tmp_path))
    lake.declare_first_day(FIRST)
    networks, days = ("blog", "forum"), ALL_DAYS[:2]
    for number, day in enumerate(days):
        moment = datetime.combine(day, datetime.min.time(), UTC)
        given = [
            {
                "network": network,
                "from_account_id": "ada",
                "to_account_id": f"{network}-{number}-{other}",
                "topic": "tea",
                "endorsed_at": moment,
                "source": "test",
            }
            for network in networks
            for other in range(4)
        ]
        lake.write_arrow("endorsements", day, pa.Table.from_pylist(given), "test")
        lake.commit("conform_count", day, [], "test")
    links = [
        {
            "network": network,
            "account_id": "ada",
            "person_key": "ada",
            "share": 1.0,
            "confidence": 1.0,
            "observed_at": datetime.combine(FIRST, datetime.min.time(), UTC),
            "source": "test",
        }
        for network in networks
    ]
    lake.write_arrow("identity_links", FIRST, pa.Table.from_pylist(links), "test")
    # The second day knows whose accounts they are from what the first left behind.
    for day in days:
        score(spark, lake, [day], MODEL, "limits")
    kept = query(lake, "select day, given_on, count(*) from endorsement_state group by all order by all")
    most = MODEL.endorsement.per_day
    assert kept == [(days[0], days[0], most), (days[1], days[0], most), (days[1], days[1], most)]
