"""The scoring model over a range of days, from DataFrames to DataFrames.

Two grouped steps carry it: networks, each in one task, then people, in as many tasks as they need.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import reduce

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import IntegerType

from spark_jobs.scoring_model import ScoringModel
from spark_jobs.taxonomy import TagTopics
from spark_jobs.transforms.scoring.block_tables import (
    NETWORK_INPUT,
    PERSON_INPUT,
)
from spark_jobs.transforms.scoring.blocks import block_schema, day_number, opened, to_blocks
from spark_jobs.transforms.scoring.endorsement_limits import LIMITS_INPUT, within_limits
from spark_jobs.transforms.scoring.identity import LINKED
from spark_jobs.transforms.scoring.network_task import score_network
from spark_jobs.transforms.scoring.person_task import rank_days, score_people


def network_blocks(
    tables: Mapping[str, DataFrame],
    days: Sequence[date],
    model: ScoringModel,
    least_confidence: float,
    tags: TagTopics | None = None,
) -> DataFrame:
    """Blocks of all networks' days: their states, and what the people's scores need.

    `tables` are rows of NETWORK_INPUT by name; one that is not there has no rows. States and
    person_account are of the day before; privacy_requests and crm_contact_accounts of all days up to
    the last; the others of `days`. Links below `least_confidence` are not followed. `tags` gives the
    topics of tags, and travels to the tasks with their code.
    """
    numbers = [day_number(day) for day in days]
    parts = [
        to_blocks(table.select(NETWORK_INPUT[name].names), name)
        for name, table in tables.items()
        if name != "endorsements"
    ]
    if "endorsements" in tables:
        parts.append(_endorsements_within_limits(tables, numbers, model, least_confidence, tags))
    together = _union(parts)

    def run(key: tuple[pa.Scalar, ...], blocks: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return score_network(key[0].as_py(), blocks, numbers, model, least_confidence, tags)

    return together.groupBy("network").applyInArrow(run, block_schema("network"))


def _endorsements_within_limits(
    tables: Mapping[str, DataFrame],
    days: Sequence[int],
    model: ScoringModel,
    least_confidence: float,
    tags: TagTopics | None,
) -> DataFrame:
    """Blocks of endorsements by network, from the tables of all networks in one task."""
    of_links = dict(tables)
    # Of accounts and people only those that a link bears on: the others are people of their own.
    if "account_state" in of_links:
        of_links["account_state"] = of_links["account_state"].where("links_observed_at is not null")
    if "person_account" in of_links:
        linked = F.col("person_id").startswith(LINKED)
        of_links["person_account"] = of_links["person_account"].where(linked)
    parts = [
        to_blocks(of_links[name].select(F.lit(0).alias("task"), *schema.names), name, "task")
        for name, schema in LIMITS_INPUT.items()
        if name in of_links
    ]

    def run(_: tuple[pa.Scalar, ...], blocks: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return within_limits(blocks, days, model, least_confidence, tags)

    return _union(parts).groupBy("task").applyInArrow(run, block_schema("network"))


def person_blocks(
    networks: DataFrame, state: DataFrame | None, days: Sequence[date], groups: int, model: ScoringModel
) -> DataFrame:
    """Blocks of all people's days. `networks` is what `network_blocks` gave, `state` the rows of
    person_state of the day before, if any; people are cut into `groups`, which changes no result. Blocks of
    other tables pass through.
    """

    of_networks = [name for name in PERSON_INPUT if name != "person_state"]

    def grouped(name: str, table: DataFrame) -> DataFrame:
        group = F.pmod(F.hash("person_id"), F.lit(groups)).alias("group")
        return to_blocks(table.select(group, *PERSON_INPUT[name].names), name, "group")

    parts = [grouped("person_state", state)] if state is not None else []
    if groups == 1:
        # One group takes the networks' blocks as they are; cutting people apart opens them first.
        parts.append(networks.select(F.lit(0).alias("group"), "table", "block"))
    else:
        of_people = F.col("table").isin(of_networks)
        parts.append(networks.where(~of_people).select(F.lit(0).alias("group"), "table", "block"))
        parts += [
            grouped(name, opened(networks, name, from_arrow_schema(PERSON_INPUT[name])))
            for name in of_networks
        ]
    numbers = [day_number(day) for day in days]

    def run(key: tuple[pa.Scalar, ...], blocks: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return score_people(key[0].as_py(), blocks, numbers, model)

    return _union(parts).groupBy("group").applyInArrow(run, block_schema("group", IntegerType()))


def with_percentiles(people: DataFrame, model: ScoringModel) -> DataFrame:
    """Blocks of people's days with daily_score as it goes to its checks: with each person's percentile
    within the people scored that day. All other blocks pass through.

    `people` is what `person_blocks` gave: there, the group of a block of daily_score is its day.
    """

    def run(key: tuple[pa.Scalar, ...], blocks: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return rank_days(key[0].as_py(), blocks, model)

    return people.groupBy("group").applyInArrow(run, block_schema("group", IntegerType()))


def _union(parts: Sequence[DataFrame]) -> DataFrame:
    return reduce(DataFrame.unionByName, parts)
