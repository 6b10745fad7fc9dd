"""The lake's `validation_baseline`: what else would have foretold the days after a month-end, and those days.

A month-end D is due once D + 30 is published. Then one pass over sixty days of activities gives each scored
person's reaction counts and what followed, and PageRank on follows and on reactions; on all other days there
is nothing to do. A restatement that reaches D + 30 makes D due again: the stamp of that day's digest tells.
"""

# The SQL is made of what `relation` gives and of constants.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb
import numpy as np
import pyarrow as pa

from orchestration.quality.measure import Table, connection, relation
from orchestration.validation.measures import HORIZON_DAYS, MINIMUM_REACTIONS
from spark_jobs.arrow_schemas import arrow_schema
from spark_jobs.graph.pagerank import pagerank
from spark_jobs.lake import Lake

TABLE = "validation_baseline"
_STAMP = "publication_of_the_last_day"
_REACTIONS = "('reply', 'mention', 'quote', 'repost', 'like')"
_HORIZON = timedelta(days=HORIZON_DAYS)


@dataclass(frozen=True)
class Update:
    """What a run did: days evaluated now, days dropped, days that stand."""

    made: list[date]
    dropped: list[date]
    standing: list[date]


def due_days(first: date, latest: date) -> list[date]:
    """The days to evaluate of a history that is published from `first` to `latest`.

    Every month-end with thirty days after it. A history too short for one has its latest day with thirty days
    after it instead, which moves on until the first month-end takes its place.
    """
    last = latest - _HORIZON
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    ends = [day for day in days if (day + timedelta(days=1)).day == 1]
    return ends or ([last] if last >= first else [])


def update(lake: Lake, run_id: str, progress: Callable[[str], None] = lambda _: None) -> Update:
    """Evaluate the days that are due and not yet evaluated as they are published now."""
    published = lake.days("ledger_digest")
    due = due_days(lake.first_day() or published[0], published[-1]) if published else []
    # A day with a hole in it or before it, as an imported history may have, tells nothing.
    due = [
        day for day in due if lake.exists("daily_score", day) and lake.exists("ledger_digest", day + _HORIZON)
    ]
    known = lake.manifests(TABLE)
    dropped = [day for day in known if day not in due]
    for day in dropped:
        lake.drop_day(TABLE, day)
    made = []
    for day in due:
        stamp = _stamp(lake, day)
        if day in known and known[day].notes.get(_STAMP) == stamp:
            continue
        progress(f"Evaluating {day}")
        lake.write_arrow(TABLE, day, measure(lake, day), run_id, {_STAMP: stamp})
        made.append(day)
    return Update(made, dropped, due)


def _stamp(lake: Lake, day: date) -> str:
    manifest = lake.manifest("ledger_digest", day + _HORIZON)
    return f"{manifest.written_at.isoformat()} {manifest.run_id}" if manifest else ""


def measure(lake: Lake, day: date) -> pa.Table:
    """A row for each person scored on `day` with three reactions or more in the thirty days up to it.

    Columns are the contract's without `day`. Counts leave out what people do to their own accounts; an
    account that several people share counts for each by their share of it.
    """
    with connection(lake) as con:
        _load(con, lake, day)
        _add_ranks(con, "pagerank_reactions", _REACTION_EDGES)
        _add_ranks(con, "pagerank_follows", _FOLLOW_EDGES)
        rows = con.execute(_PEOPLE, {"minimum": MINIMUM_REACTIONS}).to_arrow_table()
    return rows.cast(arrow_schema(TABLE))


def _load(con: duckdb.DuckDBPyConnection, lake: Lake, day: date) -> None:
    def of(table: str, days: Sequence[date]) -> str:
        found = Table.of(lake, table, days)
        return relation(con, found, found.rows)

    window = [day + timedelta(days=n) for n in range(1 - HORIZON_DAYS, HORIZON_DAYS + 1)]
    # The state of follows is whole on some days only; the follows and unfollows since then complete it.
    whole = _last_whole(lake, day)
    since = [known for known in lake.days("activities") if (whole or date.min) < known <= day]
    snapshots = [known for known in lake.days("accounts") if known <= day]
    con.execute(
        f"""
        CREATE TEMP TABLE scored AS
        SELECT person_id FROM {of("daily_score", [day])} WHERE score IS NOT NULL
        QUALIFY revision = max(revision) OVER ();

        CREATE TEMP TABLE member AS
        SELECT network, account_id, person_id, share FROM {of("person_account", [day])}
        WHERE valid_to IS NULL OR valid_to > day;

        -- Pairs a day: the rest of the work does not see single reactions.
        CREATE TEMP TABLE reaction AS
        SELECT
            (day - DATE '{day}')::INTEGER AS days_after, network, kind,
            actor_account_id AS actor, target_account_id AS target, count(*) AS number
        FROM {of("activities", window)} WHERE kind IN {_REACTIONS} AND target_account_id IS NOT NULL
        GROUP BY ALL;

        CREATE TEMP TABLE follow AS
        SELECT network, actor_account_id AS actor, target_account_id AS target FROM (
            SELECT
                network, actor_account_id, target_account_id, 'follow' AS kind,
                day, since AS moment, '' AS id
            FROM {of("follow_state", [whole] if whole else [])}
            UNION ALL
            SELECT network, actor_account_id, target_account_id, kind, day, occurred_at, activity_id
            FROM {of("activities", since)}
            WHERE kind IN ('follow', 'unfollow') AND target_account_id IS NOT NULL
        )
        GROUP BY ALL HAVING arg_max(kind, (day, moment, id)) = 'follow';

        CREATE TEMP TABLE snapshot AS
        SELECT network, account_id, arg_max(followers, observed_at) AS followers
        FROM {of("accounts", snapshots)} WHERE followers IS NOT NULL GROUP BY ALL;
        """
    )


def _last_whole(lake: Lake, day: date) -> date | None:
    for known in reversed(lake.days("follow_state")):
        manifest = lake.manifest("follow_state", known) if known <= day else None
        if manifest and manifest.notes.get("whole"):
            return known
    return None


def _add_ranks(con: duckdb.DuckDBPyConnection, name: str, edges: str) -> None:
    """The table `name` (person_id, value): PageRank of the graph of `edges`, 1 for the mean person."""
    found = con.execute(edges).to_arrow_table()
    ends = pa.concat_arrays(
        [*found["actor"].chunks, *found["target"].chunks, pa.array([], found["actor"].type)]
    )
    numbered = ends.dictionary_encode()
    vertices = len(numbered.dictionary)
    number = numbered.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    weight = found["weight"].to_numpy().astype(np.float64)
    half = len(weight)
    ranks = pagerank(vertices, number[:half], number[half:], weight) * vertices
    # Rounded: people whom the graph does not tell apart shall tie.
    values = pa.table({"person_id": numbered.dictionary, "value": pa.array(np.round(ranks, 9))})
    con.register("ranks", values)
    con.execute(f"CREATE TEMP TABLE {name} AS SELECT person_id, value FROM ranks")
    con.unregister("ranks")


def _edges(table: str, weight: str) -> str:
    """Edges between people. An account that nobody is known to own stands for itself. The order is fixed,
    because sums are taken in it."""
    return f"""
        SELECT
            coalesce(giver.person_id, 'acct:' || e.network || ':' || e.actor) AS actor,
            coalesce(taker.person_id, 'acct:' || e.network || ':' || e.target) AS target,
            sum({weight} * coalesce(giver.share, 1) * coalesce(taker.share, 1))::DOUBLE AS weight
        FROM {table} AS e
        LEFT JOIN member AS giver ON giver.network = e.network AND giver.account_id = e.actor
        LEFT JOIN member AS taker ON taker.network = e.network AND taker.account_id = e.target
        GROUP BY ALL HAVING actor <> target
        ORDER BY 1, 2
    """


_FOLLOW_EDGES = _edges("follow", "1")
_REACTION_EDGES = _edges(
    "(SELECT network, actor, target, number FROM reaction WHERE days_after <= 0)", "number"
)

_PEOPLE = """
    WITH received AS (
        SELECT
            member.person_id, reaction.days_after, reaction.kind,
            reaction.network || ':' || reaction.actor AS reactor,
            reaction.number * member.share AS number
        FROM reaction
        INNER JOIN member ON reaction.network = member.network AND reaction.target = member.account_id
        ANTI JOIN member AS own ON
            own.person_id = member.person_id AND own.network = reaction.network
            AND own.account_id = reaction.actor
    ),
    counted AS (
        SELECT
            person_id,
            coalesce(sum(number) FILTER (WHERE days_after BETWEEN -6 AND 0), 0) AS reactions_7d,
            coalesce(sum(number) FILTER (WHERE days_after <= 0), 0) AS reactions_30d,
            coalesce(sum(number) FILTER (WHERE days_after > 0), 0) AS next_reactions,
            count(DISTINCT reactor) FILTER (WHERE days_after > 0) AS next_distinct_reactors,
            coalesce(sum(number) FILTER (WHERE days_after > 0 AND kind = 'repost'), 0) AS next_reposts
        FROM received GROUP BY person_id
    ),
    -- What the network says of an account's followers; else the follows that came this way.
    audience AS (
        SELECT member.person_id, sum(coalesce(snapshot.followers, listed.followers, 0)) AS followers
        FROM member
        LEFT JOIN snapshot USING (network, account_id)
        LEFT JOIN (
            SELECT network, target AS account_id, count(*) AS followers FROM follow GROUP BY ALL
        ) AS listed USING (network, account_id)
        GROUP BY member.person_id
    )
    SELECT
        counted.person_id,
        coalesce(audience.followers, 0)::BIGINT AS followers,
        round(counted.reactions_7d, 6)::DOUBLE AS reactions_7d,
        round(counted.reactions_30d, 6)::DOUBLE AS reactions_30d,
        coalesce(pagerank_follows.value, 0)::DOUBLE AS pagerank_follows,
        coalesce(pagerank_reactions.value, 0)::DOUBLE AS pagerank_reactions,
        round(counted.next_reactions, 6)::DOUBLE AS next_reactions,
        counted.next_distinct_reactors::BIGINT AS next_distinct_reactors,
        round(counted.next_reposts, 6)::DOUBLE AS next_reposts
    FROM counted
    INNER JOIN scored USING (person_id)
    LEFT JOIN audience USING (person_id)
    LEFT JOIN pagerank_follows USING (person_id)
    LEFT JOIN pagerank_reactions USING (person_id)
    WHERE round(counted.reactions_30d, 6) >= $minimum
    ORDER BY counted.person_id
"""
