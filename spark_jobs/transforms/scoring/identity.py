"""Who is who, over time: identity links and privacy requests as intervals of days."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.transforms.scoring.account_people import ERASED, NOTHING_FORBIDS, OBJECTION, OPTED_OUT

_REQUEST_CODES = {
    "opt_in": NOTHING_FORBIDS,
    "opt_out": OPTED_OUT,
    "object": OBJECTION,
    "erase": ERASED,
}


def link_intervals(known: DataFrame, links: DataFrame, least_confidence: float) -> DataFrame:
    """Intervals of `network, account_id, person_id, share, valid_from, valid_to`.

    `known` are the linked holdings as of the day before, in the form of person_account; `links` are
    new rows of identity_links. What is observed of an account on one day replaces all that was known
    of it before: `valid_to` is that day. Links below `least_confidence` are not followed. Observing
    the same again changes nothing.
    """
    account = ["network", "account_id"]
    latest = Window.partitionBy(*account, "day", "person_key").orderBy(F.desc("observed_at"), F.desc("share"))
    observed = (
        links.where(F.col("confidence") >= least_confidence)
        .withColumn("_latest", F.row_number().over(latest))
        .where(F.col("_latest") == 1)
        .select(
            *account,
            F.concat(F.lit("key:"), F.col("person_key")).alias("person_id"),
            "share",
            F.col("day").alias("valid_from"),
        )
    )
    still_open = known.where(F.col("valid_to").isNull())
    sets = (
        observed.unionByName(still_open.select(*observed.columns))
        .groupBy(*account, "valid_from")
        .agg(F.sort_array(F.collect_list(F.struct("person_id", "share"))).alias("holders"))
    )
    in_order = Window.partitionBy(*account).orderBy("valid_from")
    changed = sets.withColumn("_before", F.lag("holders").over(in_order)).where(
        F.col("_before").isNull() | (F.col("_before") != F.col("holders"))
    )
    intervals = changed.withColumn("valid_to", F.lead("valid_from").over(in_order)).select(
        *account, F.explode("holders").alias("holder"), "valid_from", "valid_to"
    )
    columns = ["network", "account_id", "person_id", "share", "valid_from", "valid_to"]
    opened = intervals.select(*account, "holder.person_id", "holder.share", "valid_from", "valid_to")
    return opened.select(*columns).unionByName(known.where(F.col("valid_to").isNotNull()).select(*columns))


def standing_intervals(requests: DataFrame) -> DataFrame:
    """Intervals of `network, account_id, code, valid_from, valid_to` from all privacy requests so far.

    The latest request of an account holds from the day it arrived; an opt-in ends the one before it,
    except an erasure, which nothing ends.
    """
    in_order = Window.partitionBy("network", "account_id").orderBy("day", "requested_at", "code")
    day_last = Window.partitionBy("network", "account_id", "day").orderBy(
        F.desc("requested_at"), F.desc("code")
    )
    coded = requests.where(F.col("account_id").isNotNull()).withColumn("code", _code())
    erased = F.max(F.when(F.col("code") == ERASED, F.lit(ERASED))).over(
        in_order.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )
    return (
        coded.withColumn("code", F.coalesce(erased, F.col("code")))
        .withColumn("_last", F.row_number().over(day_last))
        .where(F.col("_last") == 1)
        .select(
            "network",
            "account_id",
            F.col("code").cast("long").alias("code"),
            F.col("day").alias("valid_from"),
            F.lead("day").over(Window.partitionBy("network", "account_id").orderBy("day")).alias("valid_to"),
        )
    )


def _code() -> Column:
    pairs = [F.lit(item) for pair in _REQUEST_CODES.items() for item in pair]
    return F.create_map(*pairs)[F.col("request")]
