"""Mastodon: answers become rows, each asserted whole."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestration.connectors import mastodon
from orchestration.connectors.answers import Answer, Refused, Row
from orchestration.connectors.mastodon import profiles, statuses
from tests.fixtures.expected_rows import Expected
from tests.fixtures.network_answers import (
    DAY,
    RECEIVED,
    fixture,
    reading,
    refusals,
    table,
)

SINCE = datetime(2026, 3, 10, tzinfo=UTC)
ADA, BEN, CLEO, DAN, EVE = (
    "ada@town.example",
    "ben@far.example",
    "cleo@far.example",
    "dan@town.example",
    "eve@town.example",
)
HERE, FAR = "https://social.example/users/", "https://far.example/users/ben/statuses/"
POST = f"{HERE}ada/statuses/110"


expected = Expected("mastodon")
act = expected.act


def account(account_id: str, name: str, **known: Any) -> dict[str, Any]:
    usual = {"followers": 5, "following": 6, "posts": 7, "is_automated": False}
    opened = {"created_at": datetime(2019, 5, 1, tzinfo=UTC)}
    return expected.account(account_id, account_id, **{"display_name": name, **usual, **opened, **known})


ROW_OF_ADA = account(ADA, "Ada", followers=2, following=1, posts=321)
ROW_OF_BEN = account(
    BEN, "Ben", followers=None, is_automated=True, created_at=datetime(2021, 1, 1, tzinfo=UTC)
)
ROW_OF_CLEO, ROW_OF_DAN = account(CLEO, "Cleo"), account(DAN, "Dan")
HINT = {
    "network": "mastodon",
    "account_id": ADA,
    "person_key": "web:ada.example",
    "share": 1.0,
    "confidence": 0.6,
    "method": "rel_me",
    "observed_at": datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
}


def found(endpoint: str, at: int = 0) -> list[Row | Refused]:
    return list(mastodon.rows(fixture("mastodon", endpoint)[at], reading()))


def test_an_account_has_the_same_id_wherever_it_is_seen() -> None:
    assert found("account") == [Row("accounts", ROW_OF_ADA), Row("identity_links", HINT)]
    assert found("account", 1) == [Row("accounts", ROW_OF_BEN)]
    assert found("account", 2) == [], "an account that is not found"
    ben = json.loads(fixture("mastodon", "account")[1].body) | {"acct": "Ben"}
    at_home = Answer("mastodon", "account", "https://far.example/api/v1/x", 200, json.dumps(ben), RECEIVED)
    assert table(mastodon.rows(at_home, reading()), "accounts") == [ROW_OF_BEN]


def test_what_an_account_wrote_answered_quoted_and_passed_on() -> None:
    rows = found("account_statuses")
    assert table(rows, "activities") == [
        act("09:00", "post", POST, ADA, None, POST, "gardening", "health"),
        act("09:00", "mention", f"mention:{POST}:{DAN}", ADA, DAN, None, "gardening", "health"),
        act("09:30", "reply", f"{HERE}ada/statuses/109", ADA, ADA, POST),
        act("10:00", "mention", f"mention:{HERE}ada/statuses/108:{CLEO}", ADA, CLEO, None),
        act("11:00", "repost", f"repost:{FAR}901:{ADA}", ADA, BEN, f"{FAR}901"),
        act("08:00", "post", f"{FAR}901", BEN, None, f"{FAR}901", "football"),
        act("12:00", "quote", f"{HERE}ada/statuses/106", ADA, BEN, f"{FAR}901"),
    ]
    assert table(rows, "accounts") == [ROW_OF_ADA, ROW_OF_BEN]
    assert table(rows, "identity_links") == [HINT]
    assert refusals(rows) == [], "replies to posts that are not here are told by the answers about these"
    assert table(found("account_statuses", 1), "activities") == [], "older posts belong to other days"


def test_replies_whose_parents_had_to_be_asked_for() -> None:
    assert found("parent", 0) == [Refused("null_required", "parent: in_reply_to_account_id")]
    lost = act("10:30", "reply", f"{HERE}ada/statuses/112", ADA, CLEO, "town.example/950")
    assert found("parent", 1) == [Row("activities", lost)], "the post is gone, but its author was named"
    known = act("10:00", "reply", f"{HERE}ada/statuses/108", ADA, BEN, f"{FAR}900")
    assert found("parent", 2) == [Row("activities", known), Row("accounts", ROW_OF_BEN)]


def test_a_feed_alone_tells_of_replies_what_it_can() -> None:
    feed = fixture("mastodon", "account_statuses")[0]
    alone = replace(feed, about={"domain": "town.example"})
    rows = list(mastodon.rows(alone, reading()))
    replies = [row for row in table(rows, "activities") if row["kind"] == "reply"]
    assert replies == [
        act("10:30", "reply", f"{HERE}ada/statuses/112", ADA, CLEO, "town.example/950"),
        act("09:30", "reply", f"{HERE}ada/statuses/109", ADA, ADA, POST),
        act("10:00", "reply", f"{HERE}ada/statuses/108", ADA, BEN, "town.example/900"),
    ]
    assert refusals(rows) == [("null_required", "account_statuses: in_reply_to_account_id")]


def test_what_others_did_with_a_post() -> None:
    thread = found("context")
    assert table(thread, "activities") == [
        act("15:00", "reply", f"{FAR}910", BEN, ADA, POST),
        act("16:00", "reply", f"{HERE}dan/statuses/911", DAN, BEN, f"{FAR}910"),
    ]
    assert table(thread, "accounts") == [ROW_OF_BEN, ROW_OF_DAN, ROW_OF_CLEO]
    assert refusals(thread) == [("null_required", "context: account")]
    reposts = found("reblogged_by")
    assert reposts == [
        Row("activities", act("12:00", "repost", f"repost:{POST}:{BEN}", BEN, ADA, POST)),
        Row("accounts", ROW_OF_BEN),
    ]
    likes = found("favourited_by")
    assert table(likes, "activities") == [
        act("12:00", "like", f"like:{POST}:{BEN}", BEN, ADA, POST),
        act("12:00", "like", f"like:{POST}:{EVE}", EVE, ADA, POST),
    ]
    assert refusals(likes) == [
        ("bad_type", "favourited_by: created_at is no moment"),
        ("null_required", "favourited_by: acct"),
    ]
    assert found("quotes")[1] == Row("activities", act("18:00", "quote", f"{FAR}915", BEN, ADA, POST))


def test_likes_count_not_before_their_post_and_not_on_days_before_it() -> None:
    likes = fixture("mastodon", "favourited_by")[0]
    evening = replace(likes, about={**likes.about, "at": "2026-03-10T20:00:00+00:00"})
    assert {row["occurred_at"].hour for row in table(mastodon.rows(evening, reading()), "activities")} == {20}
    tomorrow = replace(likes, about={**likes.about, "at": "2026-03-11T00:00:00+00:00"})
    assert table(mastodon.rows(tomorrow, reading()), "activities") == []


def test_followers_are_dated_when_they_are_first_seen() -> None:
    assert found("followers") == [
        Row("activities", act("12:00", "follow", f"follow:{BEN}:{ADA}:{DAY}", BEN, ADA, None)),
        Row("accounts", ROW_OF_BEN),
        Row("activities", act("12:00", "follow", f"follow:{DAN}:{ADA}:{DAY}", DAN, ADA, None)),
        Row("accounts", ROW_OF_DAN),
    ]
    assert table(found("following"), "activities") == [
        act("12:00", "follow", f"follow:{ADA}:{BEN}:{DAY}", ADA, BEN, None)
    ]


def one(**changed: Any) -> list[Row | Refused]:
    """The rows of one post of Ada's with these fields."""
    status = json.loads(fixture("mastodon", "account_statuses")[0].body)[2] | changed
    answer = Answer("mastodon", "status", "https://social.example/x", 200, json.dumps(status), RECEIVED)
    return list(mastodon.rows(replace(answer, about={"domain": "town.example"}), reading()))


@pytest.mark.parametrize("visibility", ["private", "direct", "local", "mutuals_only", "list", ""])
def test_what_not_everybody_may_read_is_never_a_row_and_never_kept(visibility: str) -> None:
    assert one(visibility=visibility) == []
    status = json.loads(fixture("mastodon", "account_statuses")[0].body)[2]
    hidden = status | {"visibility": visibility, "content": "secret gardening"}
    shown = status | {"reblog": hidden}
    body = json.dumps([hidden, shown, status | {"quote": {"state": "accepted", "quoted_status": hidden}}])
    answer = Answer("mastodon", "account_statuses", "https://social.example/x", 200, body, RECEIVED)
    stored = mastodon.kept(answer, str)
    assert "secret" not in stored.body
    assert list(mastodon.rows(stored, reading())) == list(mastodon.rows(answer, reading()))


def test_a_server_that_does_not_say_who_may_read_a_post_is_not_believed() -> None:
    assert one(visibility=None) == [Refused("null_required", "status: visibility")]


def test_a_post_may_answer_and_quote_at_once() -> None:
    quoted = json.loads(fixture("mastodon", "account_statuses")[0].body)[6]["quote"]["quoted_status"]
    rows = table(one(in_reply_to_id="5", in_reply_to_account_id="4", quote=quoted), "activities")
    assert rows[0] == act("09:00", "reply", POST, ADA, DAN, "social.example/5".replace("social", "town"))
    assert rows[1] == act("09:00", "quote", f"quote:{FAR}901:{POST}", ADA, BEN, f"{FAR}901")
    for state in ("revoked", "pending", "something new"):
        frame = {"state": state, "quoted_status": quoted}
        assert table(one(quote=frame), "activities")[0]["kind"] == "post"


def test_a_reply_to_a_deleted_post_still_names_whom_it_answered() -> None:
    rows = table(one(in_reply_to_account_id="4"), "activities")
    assert rows[0] == act("09:00", "reply", POST, ADA, DAN, None)
    assert one(in_reply_to_account_id="99")[2] == Refused("null_required", "status: in_reply_to_account_id")


def test_a_post_without_an_address_goes_by_its_number() -> None:
    assert table(one(uri=None, url=None), "activities")[0]["activity_id"] == "town.example/110"


def test_kept_answers_hold_no_text() -> None:
    for answer in fixture("mastodon"):
        stored = mastodon.kept(answer, lambda _: "")
        assert not any(word in stored.body for word in ("Words", "gardening\\u0022", "Lagos", "Secret"))


FIELDS = {**profiles.FIELDS, **statuses.FIELDS}
SCHEMAS = Path(__file__).parents[3].parent / "shared" / "data" / "schemas" / "mastodon" / "schema.json"


@pytest.mark.skipif(not SCHEMAS.is_file(), reason=f"the published description is not at {SCHEMAS}")
def test_the_fields_that_are_read_are_those_that_are_published() -> None:
    published = json.loads(SCHEMAS.read_text())["components"]["schemas"]
    for name, fields in FIELDS.items():
        for field, kind in fields.items():
            assert kind in _kinds(published, published[name]["properties"][field]), (name, field)


def _kinds(published: dict[str, Any], schema: dict[str, Any]) -> set[str]:
    if "$ref" in schema:
        return _kinds(published, published[schema["$ref"].rpartition("/")[2]])
    kinds = schema.get("type", [])
    known = {kinds} if isinstance(kinds, str) else set(kinds)
    return known.union(*(_kinds(published, inner) for inner in schema.get("oneOf", [])))
