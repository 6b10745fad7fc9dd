"""The records that a network's task takes and gives."""

from __future__ import annotations

from pyspark.sql.types import BooleanType, DateType, DoubleType, LongType, TimestampType

from spark_jobs.scoring_model import KINDS
from spark_jobs.transforms.scoring.records import Layout

ACCOUNT_STATE = Layout.of_table("account_state", ("account_id", None))
PAIR_STATE = Layout.of_table("pair_state", ("actor_account_id", "target_account_id"))
TOPIC_STATE = Layout.of_table("topic_state", ("account_id", "topic"))
NETWORK_STATE = Layout.of_table("network_state", (None, None))

LEVEL_CAUSES = ("new_attention", "fading", "others_authority", "give_back")
ACCOUNT_MEASURES = (
    "level",
    "level_before",
    "fast_level",
    "variance",
    "ceiling_points",
    "evidence",
    "reach",
    "posts_a_day",
    "network_influence",
)
"""What the day says of each account, beside the split of its level's change."""

ALL_KINDS = (*KINDS, "post", "follow", "unfollow")
"""Every kind of activity; a record carries its place here."""

ACTIVITY = Layout(
    "activity",
    ("actor_account_id", "target_account_id"),
    (("kind_code", LongType()), ("late_days", LongType()), ("occurred_at", TimestampType())),
    text="topics",
    scalar_text=False,
)
SNAPSHOT = Layout(
    "snapshot",
    ("account_id", None),
    (("created_at", DateType()), ("is_verified", BooleanType()), ("observed_at", TimestampType())),
    text="handle",
)
PERSON_LINK = Layout(
    "person_link",
    ("account_id", "person_id"),
    (("share", DoubleType()), ("valid_from", DateType()), ("valid_to", DateType())),
)
STANDING = Layout(
    "standing",
    ("account_id", None),
    (("code", LongType()), ("valid_from", DateType()), ("valid_to", DateType())),
)
CUSTOMER = Layout("customer", ("handle", None), ())
PERSON_ACCOUNT = Layout(
    "person_account",
    ("person_id", "account_id"),
    (("share", DoubleType()), ("valid_from", DateType()), ("valid_to", DateType())),
)

INPUT_LAYOUTS = (
    ACCOUNT_STATE,
    PAIR_STATE,
    TOPIC_STATE,
    NETWORK_STATE,
    ACTIVITY,
    SNAPSHOT,
    PERSON_LINK,
    STANDING,
    CUSTOMER,
)

ACCOUNT_DAY = Layout(
    "account_day",
    ("person_id", "network"),
    tuple(
        (name, DoubleType())
        for name in (
            "share",
            "has_acted",
            "standing",
            *ACCOUNT_MEASURES,
            *(f"change_{cause}" for cause in LEVEL_CAUSES),
            *(f"slow_{kind}" for kind in KINDS),
        )
    ),
)
PERSON_TOPIC = Layout(
    "person_topic",
    ("person_id", "topic"),
    tuple((name, DoubleType()) for name in ("share", "attention", "evidence", "weight")),
    text="network",
)
PERSON_REACTOR = Layout(
    "person_reactor", ("person_id", "account_id"), (("share", DoubleType()),), text="network"
)
