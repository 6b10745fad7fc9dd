"""Hacker News: threads say who answers whom, each row asserted whole; damaged answers are refused."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestration.connectors import hackernews
from orchestration.connectors.answers import Answer, Refused, Row
from orchestration.settings import Settings
from tests.fixtures.expected_rows import Expected
from tests.fixtures.network_answers import (
    RECEIVED,
    fixture,
    reading,
    refusals,
    table,
)
from tests.fixtures.pulled import asked_of, opened, pulled_twice
from tests.fixtures.replay_server import recorded, serving

expected = Expected("hackernews")
act = expected.act


def account(name: str, **known: Any) -> dict[str, Any]:
    return expected.account(name, name, **known)


STORY = act("09:00", "post", "100", "Ada", None, "100", "gardening", "football")
NOBODY_SAYS_WHOM = "author of the item that was answered"


def found(endpoint: str, at: int = 0) -> list[Row | Refused]:
    return list(hackernews.rows(fixture("hackernews", endpoint)[at], reading()))


def test_a_search_tells_of_stories_and_leaves_comments_to_their_threads() -> None:
    rows = found("search")
    assert table(rows, "activities") == [STORY]
    assert table(rows, "accounts") == [account("Ada")]
    assert refusals(rows) == [("null_required", "search: author")]
    assert table(found("search", 1), "activities") == [], "older stories belong to other days"


def test_a_search_alone_tells_of_comments_what_it_can() -> None:
    rows = found("search", 3)
    assert table(rows, "activities") == [act("11:05", "reply", "301", "ben", "dan", "300")]
    assert refusals(rows) == [("null_required", f"search: {NOBODY_SAYS_WHOM}")]


def test_a_thread_says_who_answers_whom() -> None:
    rows = found("item")
    assert table(rows, "activities") == [
        STORY,
        act("11:00", "reply", "101", "ben", "Ada", "100"),
        act("12:00", "reply", "102", "cleo", "ben", "101"),
    ]
    assert table(rows, "accounts") == [account(name) for name in ("Ada", "ben", "cleo", "dan")]
    gone = {"network": "hackernews", "content_id": "104", "deleted_at": RECEIVED}
    assert table(rows, "deletions") == [gone]
    assert refusals(rows) == [
        ("null_required", f"item: {NOBODY_SAYS_WHOM}"),
        ("null_required", "item: id"),
        ("null_required", "item: what stands under id"),
        ("bad_type", "item: created_at_i is no whole number"),
    ]
    assert table(found("item", 1), "activities") == [act("10:00", "reply", "201", "Ada", "ben", "200")]
    assert found("item", 2) == [], "a thread that is not there"
    assert found("item", 3) == [Refused("null_required", "item: the thread of a comment is gone")]
    assert table(found("item", 4), "activities") == [
        act("05:00", "post", "160", "cleo", None, "160", "tennis")
    ]


def test_profiles_say_since_when() -> None:
    ada = account("Ada", created_at=datetime(2019, 5, 1, 10, tzinfo=UTC))
    assert found("user") == [Row("accounts", ada)]
    assert found("user", 1) == [], "null is how it says that there is no such user"
    pia = account("pia", created_at=datetime(2015, 2, 1, tzinfo=UTC))
    assert found("user", 2) == [Row("accounts", pia)], "as the search describes a user"


def test_a_thread_may_be_deep() -> None:
    deep = '{"id":1,"author":"ada","created_at_i":1773133200,"children":[' * 400 + "]}" * 400
    answer = Answer("hackernews", "item", "https://hn.test/items/1", 200, deep, RECEIVED)
    assert table(hackernews.rows(answer, reading()), "accounts") == [account("ada")]


def test_kept_answers_hold_no_text() -> None:
    for answer in fixture("hackernews"):
        stored = hackernews.kept(answer, lambda _: "").body
        assert not any(word in stored for word in ("Words", "words", "gardening", "tennis"))


def test_a_pull_asks_for_each_thread_once_and_gives_the_same_rows_again(tmp_path: Path) -> None:
    with serving(recorded("hackernews")) as server:
        options = Settings(
            _env_file=None, hackernews_url=f"{server.url}/api/v1", hackernews_users_url=f"{server.url}/v0"
        )
        wish = asked_of("hackernews", options, "Ada", "@Ada", "nobody")
        first = pulled_twice(hackernews, server, wish, tmp_path)
        with opened(hackernews, wish, tmp_path / "check") as pull:
            assert hackernews.check(pull.client) == "12,345 items"
    rows = [row for answer in first.answers for row in hackernews.rows(answer, reading())]
    replies = {row["activity_id"] for row in table(rows, "activities") if row["kind"] == "reply"}
    assert replies == {"101", "102", "201"}
    assert [failure.partition(":")[0] for failure in first.client.failures] == [
        "thread 170",
        "thread 90",
    ]
