"""Stack Exchange, in the shapes that its documentation gives: no recording of its API was at hand."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from orchestration.connectors import stackexchange
from orchestration.connectors.answers import Refused, Row
from orchestration.connectors.network import NetworkDownError
from orchestration.settings import Settings
from tests.fixtures.expected_rows import Expected
from tests.fixtures.network_answers import (
    fixture,
    reading,
    refusals,
    table,
)
from tests.fixtures.pulled import asked_of, opened, pulled, pulled_twice
from tests.fixtures.replay_server import recorded, serving

ADA, BEN, CLEO = "stackoverflow/1", "stackoverflow/2", "stackoverflow/3"
NO_OWNER = "owner of the post that was answered"


expected = Expected("stackexchange")


def account(number: str, name: str, **known: Any) -> dict[str, Any]:
    return expected.account(f"stackoverflow/{number}", f"{number}@stackoverflow", display_name=name, **known)


ROW_OF_ADA, ROW_OF_BEN, ROW_OF_CLEO = account("1", "Ada & Co"), account("2", "Ben"), account("3", "Cleo")


def act(
    at: str, kind: str, number: str, actor: str, target: str | None, content: str, *topics: str
) -> dict[str, Any]:
    own, about = f"stackoverflow/{number}", f"stackoverflow/{content}"
    return expected.act(at, kind, own, actor, target, about, *topics)


def found(endpoint: str, at: int = 0) -> list[Row | Refused]:
    return list(stackexchange.rows(fixture("stackexchange", endpoint)[at], reading()))


def test_a_profile_says_since_when_and_under_which_number_everywhere() -> None:
    opened_at = datetime(2019, 5, 1, 10, tzinfo=UTC)
    link = {
        "network": "stackexchange",
        "account_id": ADA,
        "person_key": "stackexchange:77",
        "share": 1.0,
        "confidence": 1.0,
        "method": "same_network_profile",
        "observed_at": opened_at,
    }
    assert found("users") == [
        Row("accounts", account("1", "Ada & Co", region="Lagos", created_at=opened_at)),
        Row("identity_links", link),
        Refused("null_required", "users: user_id"),
    ]


def test_questions_are_posts_with_their_tags() -> None:
    asked = act("09:00", "post", "100", ADA, None, "100", "gardening", "acme cloud")
    assert found("user_questions") == [Row("accounts", ROW_OF_ADA), Row("activities", asked)]
    older = found("user_questions", 1)
    assert table(older, "activities") == [], "older questions belong to other days"
    assert refusals(older) == [("bad_type", "user_questions: creation_date is no whole number")]


def test_answers_and_comments_go_to_the_owners_of_posts() -> None:
    answers = found("answers")
    assert table(answers, "activities") == [
        act("12:00", "reply", "110", BEN, ADA, "100"),
        act("10:00", "reply", "210", ADA, BEN, "200"),
    ]
    assert table(answers, "accounts") == [ROW_OF_BEN, ROW_OF_ADA]
    assert refusals(answers) == [
        ("null_required", "answers: owner.user_id"),
        ("null_required", f"answers: {NO_OWNER}"),
    ]
    comments = found("comments")
    assert table(comments, "activities") == [
        act("13:00", "reply", "comment-310", CLEO, ADA, "210"),
        act("11:30", "reply", "comment-302", ADA, CLEO, "300"),
    ]
    assert refusals(comments) == [("null_required", f"comments: {NO_OWNER}")]


def test_what_is_asked_for_again_with_its_owners_is_no_row_before() -> None:
    for endpoint in ("user_answers", "user_comments"):
        assert found(endpoint) == [Row("accounts", ROW_OF_ADA)]
    assert found("posts") == [Row("accounts", ROW_OF_BEN)], "of those who left there is nothing to know"


def test_kept_answers_hold_no_text() -> None:
    for answer in fixture("stackexchange"):
        stored = stackexchange.kept(answer, lambda _: "").body
        assert not any(word in stored for word in ("Words", "words", "garden "))


def options(url: str) -> Settings:
    return Settings(
        _env_file=None,
        stackexchange_url=f"{url}/2.3",
        stackexchange_sites="StackOverflow, serverfault",
        stackexchange_key=SecretStr("k3y"),
    )


def with_key(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line | {"url": line["url"].replace("?", "?key=k3y&")} for line in lines]


def test_a_pull_waits_as_the_body_says_and_gives_the_same_rows_again(tmp_path: Path) -> None:
    names = ("1@stackoverflow", "@5@StackOverflow", "7@askubuntu", "Ada Lovelace@stackoverflow")
    with serving(with_key(recorded("stackexchange"))) as server:
        wish = asked_of("stackexchange", options(server.url), *names)
        first = pulled_twice(stackexchange, server, wish, tmp_path)
        with opened(stackexchange, wish, tmp_path / "check") as pull:
            assert stackexchange.check(pull.client) == "1,234 requests left today"
    assert first.waits == [10, 3], "the service asked for these pauses"
    assert "k3y" not in "".join(answer.url for answer in first.answers)
    assert [note.partition(":")[0] for note in first.client.notes] == ["Ada Lovelace"]
    rows = [row for answer in first.answers for row in stackexchange.rows(answer, reading())]
    expected = [row for answer in fixture("stackexchange") for row in stackexchange.rows(answer, reading())]
    assert table(rows, "activities") == table(expected, "activities")


def test_a_service_that_wants_no_more_is_left_until_another_day(tmp_path: Path) -> None:
    said = {"error_id": 502, "error_name": "throttle_violation", "error_message": "more in 70 seconds"}
    line = recorded("stackexchange")[0] | {"status": 400, "body": said}
    with (
        serving(with_key([line])) as server,
        pytest.raises(NetworkDownError, match="more in 70 seconds"),
    ):
        pulled(
            stackexchange,
            asked_of("stackexchange", options(server.url), "1@stackoverflow", "5@stackoverflow"),
            tmp_path,
        )


def test_what_cannot_be_read_is_noted_and_the_rest_goes_on(tmp_path: Path) -> None:
    lines = recorded("stackexchange")
    lines[2] = lines[2] | {"body": {"items": "none", "has_more": False}}
    with serving(with_key(lines)) as server:
        wish = asked_of("stackexchange", options(server.url), "1@stackoverflow", "5@stackoverflow")
        pull = pulled(stackexchange, wish, tmp_path)
    assert any("user_questions" in failure for failure in pull.client.failures)
    assert "user_comments" in {answer.endpoint for answer in pull.answers}
    assert json.loads(pull.answers[0].body)["items"]
