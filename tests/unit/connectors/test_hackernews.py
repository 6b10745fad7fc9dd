"""Hacker News: threads say who answers whom, each row asserted whole; damaged answers are refused."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import given, settings

from orchestration.connectors import hackernews
from orchestration.connectors.answers import Answer, Refused, Row
from orchestration.settings import Settings
from tests.fixtures.network_answers import (
    RECEIVED,
    assert_well_formed,
    damaged,
    fixture,
    reading,
    refusals,
    same_when_kept,
    table,
)
from tests.fixtures.pulled import answers_of, asked_of, opened, pulled
from tests.fixtures.replay_server import recorded, serving


def account(name: str, **known: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(
        ("display_name", "email", "region", "language", "created_at", "followers", "following", "posts",
         "is_verified", "is_automated")
    )  # fmt: skip
    told = {"network": "hackernews", "account_id": name, "handle": name, "observed_at": RECEIVED}
    return {**told, **nothing, **known}


def act(
    kind: str, activity_id: str, actor: str, at: str, target: str | None, content: str, *topics: str
) -> dict[str, Any]:
    hour, minute = map(int, at.split(":"))
    return {
        "network": "hackernews",
        "activity_id": activity_id,
        "kind": kind,
        "actor_account_id": actor,
        "target_account_id": target,
        "content_id": content,
        "occurred_at": datetime(2026, 3, 10, hour, minute, tzinfo=UTC),
        "topics": list(topics),
    }


STORY = act("post", "100", "Ada", "9:00", None, "100", "gardening", "football")
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
    assert table(rows, "activities") == [act("reply", "301", "ben", "11:05", "dan", "300")]
    assert refusals(rows) == [("null_required", f"search: {NOBODY_SAYS_WHOM}")]


def test_a_thread_says_who_answers_whom() -> None:
    rows = found("item")
    assert table(rows, "activities") == [
        STORY,
        act("reply", "101", "ben", "11:00", "Ada", "100"),
        act("reply", "102", "cleo", "12:00", "ben", "101"),
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
    assert table(found("item", 1), "activities") == [act("reply", "201", "Ada", "10:00", "ben", "200")]
    assert found("item", 2) == [], "a thread that is not there"
    assert found("item", 3) == [Refused("null_required", "item: the thread of a comment is gone")]
    assert table(found("item", 4), "activities") == [
        act("post", "160", "cleo", "5:00", None, "160", "tennis")
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


def test_kept_answers_give_the_same_rows_and_hold_no_text() -> None:
    same_when_kept(hackernews.rows, hackernews.kept, fixture("hackernews"), reading())
    for answer in fixture("hackernews"):
        stored = hackernews.kept(answer, lambda _: "").body
        assert not any(word in stored for word in ("Words", "words", "gardening", "tennis"))


@settings(max_examples=60, deadline=None)
@given(damaged(fixture("hackernews")))
def test_damaged_answers_are_refused_and_never_raise(answer: Answer) -> None:
    rows = list(hackernews.rows(answer, reading()))
    assert_well_formed(rows)
    again = [row for row in hackernews.rows(hackernews.kept(answer, str), reading()) if isinstance(row, Row)]
    assert again == [row for row in rows if isinstance(row, Row)]


def test_a_pull_asks_for_each_thread_once_and_gives_the_same_rows_again(tmp_path: Path) -> None:
    with serving(recorded("hackernews")) as server:
        options = Settings(
            _env_file=None, hackernews_url=f"{server.url}/api/v1", hackernews_users_url=f"{server.url}/v0"
        )
        wish = asked_of("hackernews", options, "Ada", "@Ada", "nobody")
        first = pulled(hackernews, wish, tmp_path / "first")
        urls = [url for url, _ in server.asked]
        resumed = pulled(hackernews, wish, tmp_path / "first")
        assert len(server.asked) == len(urls), "what a stopped pull has asked for it does not ask for again"
        second = pulled(hackernews, wish, tmp_path / "second")
        assert server.missed == []
        assert [url for url, _ in server.asked] == urls * 2
        with opened(hackernews, wish, tmp_path / "check") as pull:
            assert hackernews.check(pull.client) == "12,345 items"
    assert len(set(urls)) == len(urls), "nothing is asked twice"
    assert answers_of(first) == answers_of(second) == answers_of(resumed)
    rows = [row for answer in first.answers for row in hackernews.rows(answer, reading())]
    replies = {row["activity_id"] for row in table(rows, "activities") if row["kind"] == "reply"}
    assert replies == {"101", "102", "201"}
    assert [failure.partition(":")[0] for failure in first.client.failures] == [
        "thread 170",
        "thread 90",
    ]
