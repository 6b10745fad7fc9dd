"""X: its answers become rows, damaged ones are refused, what is protected never shows."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestration.connectors import x
from orchestration.connectors.answers import Answer
from orchestration.connectors.client import ConnectorError, NetworkDownError
from tests.fixtures.expected_rows import Expected
from tests.fixtures.network_answers import RECEIVED, fixture, reading, refusals, table
from tests.fixtures.pulled import pulling
from tests.fixtures.replay_server import recorded

POST = "1900000000000000001"
GIVEN = "t0ken"


expected = Expected("x")
act = expected.act


def account(account_id: str, handle: str, name: str, **known: Any) -> dict[str, Any]:
    return expected.account(account_id, handle, display_name=name, **known)


ADA = account(
    "2", "ada", "Ada", region="Lagos", created_at=datetime(2019, 5, 1, 10, tzinfo=UTC), followers=900,
    following=10, posts=321, is_verified=True,
)  # fmt: skip
BEN = account(
    "3", "ben", "Ben", created_at=datetime(2021, 1, 1, tzinfo=UTC), followers=5, following=6, posts=7,
    is_verified=False,
)  # fmt: skip
DAN = account("5", "dan", "Dan", is_verified=True)
EVE = account("6", "eve", "Eve")


def found(endpoint: str, at: int = 0) -> list[Any]:
    return list(x.rows(fixture("x", endpoint)[at], reading()))


def test_accounts_by_name() -> None:
    rows = found("users_by")
    assert table(rows, "accounts") == [ADA]
    assert len(rows) == 1, "an account that is not found is no deleted post"


def test_what_an_account_wrote_and_passed_on() -> None:
    rows = found("user_tweets")
    ben, dan = "1899999999999999001", "1899999999999999000"
    assert table(rows, "activities") == [
        act("09:00", "post", POST, "2", None, POST, "gardening", "health"),
        act("09:00", "mention", f"mention:{POST}:3", "2", "3", None, "gardening", "health"),
        act("10:00", "reply", "1900000000000000002", "2", "5", dan),
        act("11:00", "repost", f"repost:{ben}:2", "2", "3", ben, "football"),
        act("12:00", "quote", "1900000000000000004", "2", "3", ben, "football"),
        act("13:00", "reply", "1900000000000000005", "2", "5", dan),
        act("13:00", "quote", f"quote:{ben}:1900000000000000005", "2", "3", ben, "football"),
    ]
    assert refusals(rows) == [("null_required", "user_tweets: author of the post that a quote is about")]
    assert table(rows, "accounts") == [ADA, BEN, DAN]
    gone = {"network": "x", "content_id": "1899999999999999002", "deleted_at": RECEIVED}
    assert table(rows, "deletions") == [gone]


def test_who_answers_and_who_names_an_account() -> None:
    rows = found("user_mentions")
    greeting = "1900000000000000021"
    assert table(rows, "activities") == [
        act("15:00", "reply", "1900000000000000020", "3", "2", POST),
        act("16:00", "post", greeting, "3", None, greeting),
        act("16:00", "mention", f"mention:{greeting}:2", "3", "2", None),
    ]
    assert refusals(rows) == [
        ("null_required", "user_mentions: author_id"),
        ("bad_type", "user_mentions: created_at is no moment"),
    ]
    assert table(rows, "accounts") == [BEN]
    assert found("user_mentions", 1) == []


def test_undated_likes_and_reposts_count_from_noon() -> None:
    likes = found("liking_users")
    assert table(likes, "activities") == [
        act("12:00", "like", f"like:{POST}:3", "3", "2", POST),
        act("12:00", "like", f"like:{POST}:6", "6", "2", POST),
    ]
    assert table(likes, "accounts") == [BEN, EVE]
    assert refusals(likes) == [("null_required", "liking_users: username")]
    reposts = found("retweeted_by")
    assert table(reposts, "activities") == [act("12:00", "repost", f"repost:{POST}:5", "5", "2", POST)]
    quotes = found("quote_tweets")
    assert table(quotes, "activities") == [act("18:00", "quote", "1900000000000000030", "3", "2", POST)]


def test_an_answer_that_is_a_refusal_has_no_rows() -> None:
    assert found("liking_users", 1) == []


@pytest.mark.parametrize(
    ("ticks", "vouched_for"),
    [
        ({"verified": True}, True),
        ({"verified": False}, False),
        ({}, None),
        ({"verified": True, "verified_type": "blue"}, False),
        ({"verified": True, "verified_type": "government"}, True),
        ({"verified": False, "verified_type": "none"}, False),
    ],
)
def test_a_bought_tick_vouches_for_nobody(ticks: dict[str, Any], vouched_for: bool | None) -> None:
    body = json.dumps({"data": {"id": "1", "username": "ada", **ticks}})
    answer = Answer("x", "users_by", "https://x.test/2/users/by", 200, body, RECEIVED)
    assert [row["is_verified"] for row in table(x.rows(answer, reading()), "accounts")] == [vouched_for]


def test_an_id_says_when_a_post_without_a_date_was_written() -> None:
    # 10 March 2026, 09:00: milliseconds since X's epoch, shifted by 22 bits.
    made = ((1_773_133_200_000 - 1_288_834_974_657) << 22) + 5
    body = json.dumps({"data": [{"id": str(made), "text": "words"}, {"id": "20", "text": "long ago"}]})
    answer = Answer(
        "x", "user_tweets", "https://x.test/2/users/2/tweets", 200, body, RECEIVED, {"account_id": "2"}
    )
    rows = list(x.rows(answer, reading()))
    assert table(rows, "activities") == [act("09:00", "post", str(made), "2", None, str(made))]
    assert refusals(rows) == [("null_required", "user_tweets: created_at")]


def test_a_day_that_was_missed_is_read_with_the_next() -> None:
    rows = x.rows(fixture("x", "user_tweets")[0], reading(days=2))
    assert "1900000000000000007" in {row["activity_id"] for row in table(rows, "activities")}


def test_what_is_stored_has_no_words_of_anybody() -> None:
    stored = "".join(x.kept(answer, lambda _: "").body for answer in fixture("x"))
    words = ("season", "night of football", "between us", "friends", "words about", "cleo", "example.org")
    for word in words:
        assert word not in stored, word


def test_a_quarter_of_an_answer_is_not_kept_and_refused() -> None:
    answer = fixture("x", "user_tweets")[0]
    torn = replace(answer, body=answer.body[: len(answer.body) // 4])
    assert [reason for reason, _ in refusals(x.rows(torn, reading()))] == ["bad_json"]
    assert x.kept(torn, str).body == ""


def test_a_pull_asks_for_all_of_it_once_and_gives_the_same_rows_again(tmp_path: Path) -> None:
    with pulling(x, recorded("x"), tmp_path, x_token=GIVEN) as pull:
        rows = pull.run("ada", "nobody", "not a handle!")
        assert pull.server.missed == []
        assert sum(pull.server.calls.values()) == len(recorded("x"))
        assert {headers["Authorization"] for _, headers in pull.server.asked} == {f"Bearer {GIVEN}"}
        kinds = [row["kind"] for row in table(rows, "activities")]
        assert {kind: kinds.count(kind) for kind in kinds} == {
            "post": 2, "mention": 2, "reply": 3, "repost": 2, "quote": 3, "like": 2,
        }  # fmt: skip
        assert pull.client.notes == [
            "@not a handle! cannot be a handle of X",
            "nobody: Not Found Error",
            "likes are hidden from this token: none are asked for",
        ]
        # What a stopped pull has asked for it does not ask for again.
        assert pull.run("ada", "nobody", "not a handle!") == rows
        assert sum(pull.server.calls.values()) == len(recorded("x"))
        assert GIVEN not in pull.journal.path.read_text()
    with pulling(x, recorded("x"), tmp_path / "again", x_token=GIVEN) as pull:
        assert pull.run("ada", "nobody") == rows


@pytest.mark.parametrize(
    ("status", "body", "error", "told"),
    [
        (403, {"reason": "client-not-enrolled"}, ConnectorError, "STATURE_X_TOKEN"),
        (
            429,
            {"type": "https://api.twitter.com/2/problems/usage-capped"},
            NetworkDownError,
            "until 2026-03-12",
        ),
    ],
)
def test_an_app_without_access_and_a_used_up_month_end_the_pull(
    status: int, body: dict[str, str], error: type[Exception], told: str, tmp_path: Path
) -> None:
    url = recorded("x")[0]["url"].replace("ada%2Cnobody", "ada")
    with pulling(x, [{"url": url, "status": status, "body": body}], tmp_path, x_token=GIVEN) as pull:
        with pytest.raises(error, match=told):
            pull.run("ada")
        assert len(pull.journal) == 0


def test_check_says_who_asks(tmp_path: Path) -> None:
    me = {"url": "https://x.test/2/users/me", "status": 200, "body": {"data": {"id": "2", "username": "ada"}}}
    with pulling(x, [me], tmp_path, x_token=GIVEN) as pull:
        assert x.check(pull.client) == "@ada"
    app = [
        {"url": "https://x.test/2/users/me", "status": 403, "body": {"title": "Unsupported Authentication"}},
        {"url": "https://x.test/2/users/by?usernames=XDevelopers", "status": 200, "body": {"data": []}},
    ]
    with pulling(x, app, tmp_path / "app", x_token=GIVEN) as pull:
        assert x.check(pull.client) == "an app"
