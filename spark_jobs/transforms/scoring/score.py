"""The scoring model over a range of days, from DataFrames to DataFrames.

Two grouped steps carry it: networks, each in one task, then people, in as many tasks as they need.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import IntegerType

from spark_jobs.scoring_model import ScoringModel
from spark_jobs.transforms.scoring import network_layouts as network
from spark_jobs.transforms.scoring import person_records as person
from spark_jobs.transforms.scoring.network_records import score_network
from spark_jobs.transforms.scoring.records import Layout, day_number, pack, record_schema, unpack

NETWORK_STATES = (
    network.ACCOUNT_STATE,
    network.PAIR_STATE,
    network.TOPIC_STATE,
    network.NETWORK_STATE,
)


@dataclass(frozen=True)
class ScoringInput:
    """Rows that a range of days is scored from, each with its columns `network` and `day`.

    `states` are the networks' state tables of the day before, in the order of NETWORK_STATES;
    `links` and `standings` intervals as the identity module gives them; `customers` all rows so far
    of `network, handle`, in lower case.
    """

    activities: DataFrame
    accounts: DataFrame
    links: DataFrame
    standings: DataFrame
    customers: DataFrame
    states: Sequence[DataFrame]


def network_records(rows: ScoringInput, days: Sequence[date], model: ScoringModel) -> DataFrame:
    """Records of all networks' days: their states, and what the people's scores need."""
    kinds = F.create_map(
        *[item for code, kind in enumerate(network.ALL_KINDS) for item in (F.lit(kind), F.lit(code))]
    )
    first = F.lit(days[0])
    parts = [
        pack(rows.activities.withColumn("kind_code", kinds[F.col("kind")]), network.ACTIVITY, "network"),
        pack(
            rows.accounts.withColumn("created_at", F.to_date("created_at")).withColumn(
                "is_verified", F.coalesce("is_verified", F.lit(False))
            ),
            network.SNAPSHOT,
            "network",
        ),
        pack(rows.links.withColumn("day", first), network.PERSON_LINK, "network"),
        pack(rows.standings.withColumn("day", first), network.STANDING, "network"),
        pack(rows.customers, network.CUSTOMER, "network"),
        *(pack(state, layout, "network") for state, layout in zip(rows.states, NETWORK_STATES, strict=True)),
    ]
    together = parts[0]
    for part in parts[1:]:
        together = together.unionByName(part)
    numbers = [day_number(day) for day in days]

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return score_network(batches, numbers, model)

    return together.groupBy("network").applyInArrow(run, record_schema("network"))


def person_records(
    networks: DataFrame, state: DataFrame, days: Sequence[date], groups: int, model: ScoringModel
) -> DataFrame:
    """Records of all people's days. `networks` is what `network_records` gave, `state` the rows of
    person_state of the day before; people are cut into `groups`, which changes no result.
    """
    wanted = [network.ACCOUNT_DAY, network.PERSON_TOPIC, network.PERSON_REACTOR]
    of_people = networks.where(F.col("record").isin([layout.record for layout in wanted]))
    packed = pack(state.withColumn("group", F.lit(0)), person.PERSON_STATE, "group")
    grouped = (
        of_people.drop("network")
        .withColumn("group", F.lit(0))
        .select(packed.columns)
        .unionByName(packed)
        .withColumn("group", F.pmod(F.hash("key_1"), F.lit(groups)))
    )
    numbers = [day_number(day) for day in days]

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return person.score_people(batches, numbers, model)

    return grouped.groupBy("group").applyInArrow(run, record_schema("group", IntegerType()))


def network_table(records: DataFrame, layout: Layout) -> DataFrame:
    """One of the tables among the networks' records."""
    return unpack(records, layout, "network")


def person_table(records: DataFrame, layout: Layout) -> DataFrame:
    """One of the tables among the people's records."""
    return unpack(records, layout, "group").drop("group")


def daily_scores(records: DataFrame, model: ScoringModel) -> DataFrame:
    """daily_score before it is published: without revision, reason and time of publication."""
    scores = person_table(records, person.DAILY_SCORE)
    among = Window.partitionBy("day", F.col("score").isNull()).orderBy("score")
    return scores.select(
        "day",
        "person_id",
        "score",
        "score_low",
        "score_high",
        F.when(F.col("score").isNotNull(), F.round(100 * F.percent_rank().over(among), 2)).alias(
            "percentile"
        ),
        "observed_score",
        "momentum",
        "reach",
        "amplification",
        "network_influence",
        "evidence",
        "unscored_reason",
        F.lit(model.version).alias("model_version"),
    )
