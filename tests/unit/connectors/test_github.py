"""GitHub: its answers become rows, damaged ones are refused, what is private never shows."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestration.connectors import github
from orchestration.connectors.answers import Answer
from orchestration.connectors.client import NetworkDownError
from tests.fixtures.expected_rows import Expected
from tests.fixtures.network_answers import DAY, RECEIVED, fixture, reading, refusals, table
from tests.fixtures.pulled import pulling
from tests.fixtures.replay_server import recorded

GIVEN = "t0ken"
GARDEN = ("gardening", "robotics")
"""The topics of ada/garden's tags."""


expected = Expected("github")
act = expected.act


def account(account_id: str, handle: str, automated: bool | None = False, **known: Any) -> dict[str, Any]:
    return expected.account(account_id, handle, is_automated=automated, **known)


BEN, CLEO, DAN = account("2", "ben"), account("3", "cleo"), account("6", "dan")
BOT, ACME = account("4", "helper[bot]", True), account("5", "acme")


def found(endpoint: str, at: int = 0) -> list[Any]:
    return list(github.rows(fixture("github", endpoint)[at], reading()))


def test_an_account() -> None:
    assert table(found("user"), "accounts") == [
        account(
            "1", "ada", display_name="Ada", email="ada@example.org", region="Lagos", followers=12,
            following=3, created_at=datetime(2015, 2, 3, 4, 5, 6, tzinfo=UTC),
        )
    ]  # fmt: skip


def test_a_new_repository_is_a_post_and_one_that_was_forked_a_repost() -> None:
    assert refusals(found("user_repos")) == [("bad_type", "user_repos: created_at is no moment")]
    assert table(found("user_repos"), "activities") == []
    rows = found("user_repos", 1)
    assert table(rows, "activities") == [act("06:00", "post", "104", "1", None, "104", "football", "health")]
    assert len(rows) == 1, "the account's own answer describes it"
    rows = found("repository")
    assert table(rows, "activities") == [act("07:00", "repost", "repost:300:1", "1", "2", "300", "football")]
    assert table(rows, "accounts") == [BEN]


def test_stars_are_likes_and_forks_are_reposts_of_the_owners_content() -> None:
    rows = found("stargazers")
    assert table(rows, "activities") == [act("09:30", "like", "like:100:2", "2", "1", "100", *GARDEN)]
    assert table(rows, "accounts") == [BEN]
    assert refusals(rows) == [("null_required", "stargazers: user")], "an account that is gone"
    rows = found("forks")
    assert table(rows, "activities") == [act("11:00", "repost", "repost:100:3", "3", "1", "100", *GARDEN)]
    rows = found("starred")
    assert table(rows, "activities") == [act("20:00", "like", "like:500:1", "1", "5", "500", "football")]
    assert table(rows, "accounts") == [ACME]


def test_issues_by_others_answer_the_repository_and_the_owners_are_posts() -> None:
    rows = found("issues")
    assert table(rows, "activities") == [
        act("12:00", "reply", "100#12", "2", "1", "100", *GARDEN),
        act("12:30", "post", "100#11", "1", None, "100#11", *GARDEN, "football"),
        act("15:00", "reply", "100#9", "4", "1", "100", *GARDEN),
    ]
    assert table(rows, "accounts") == [BEN, BOT]
    assert refusals(rows) == [("null_required", "issues: user")]


def test_comments_and_reviews_answer_whoever_opened_it_and_applause_likes_it() -> None:
    rows = found("issue_comments")
    assert table(rows, "activities") == [act("13:00", "reply", "issuecomment-51", "1", "2", "100#12")]
    assert refusals(rows) == [("bad_type", "issue_comments: created_at is no moment")]
    rows = found("reviews")
    assert table(rows, "activities") == [act("14:00", "reply", "pullrequestreview-61", "1", "3", "100#10")]
    assert refusals(rows) == [], "a review that is not sent yet is its author's alone"
    rows = found("reactions")
    assert table(rows, "activities") == [act("12:10", "like", "like:100#12:3", "3", "2", "100#12")]
    assert refusals(rows) == [("not_in_set", "reactions: content")]


def test_follows_are_dated_when_first_seen() -> None:
    rows = found("followers")
    assert table(rows, "activities") == [
        act("12:00", "follow", f"follow:2:1:{DAY}", "2", "1", None),
        act("12:00", "follow", f"follow:4:1:{DAY}", "4", "1", None),
    ]
    assert table(rows, "accounts") == [BEN, BOT]
    rows = found("following")
    assert table(rows, "activities") == [act("12:00", "follow", f"follow:1:3:{DAY}", "1", "3", None)]
    assert refusals(rows) == [("null_required", "following: id")]


def test_what_an_account_did_elsewhere() -> None:
    rows = found("events")
    assert table(rows, "activities") == [
        act("21:00", "reply", "issuecomment-71", "1", "3", "600#3"),
        act("20:10", "reply", "pullrequestreview-82", "1", "6", "600#1"),
        act("20:05", "post", "release-91", "1", None, "release-91", "health"),
    ]
    assert refusals(rows) == [("null_required", "events: user")]
    assert table(found("issue"), "activities") == [
        act("20:30", "reply", "600#4", "1", "6", "600", "football")
    ]
    assert found("issue", 1) == []
    reviews = found("reviews", 1)
    assert table(reviews, "activities") == [act("20:20", "reply", "pullrequestreview-81", "1", "3", "600#2")]
    assert table(found("repository", 1), "accounts") == [DAN]


def test_stars_of_a_repository_with_more_than_its_list_shows() -> None:
    event = {
        "id": "7", "type": "WatchEvent", "actor": {"id": 2, "login": "ben"}, "repo": {"id": 100},
        "payload": {"action": "started"}, "public": True, "created_at": "2026-03-10T09:30:00Z",
    }  # fmt: skip
    body = [event, event | {"type": "PushEvent"}, event | {"public": False}]
    answer = answered("repo_events", body, {"content_id": "100", "account_id": "1", "tags": "gardening"})
    rows = list(github.rows(answer, reading()))
    assert table(rows, "activities") == [act("09:30", "like", "like:100:2", "2", "1", "100", "gardening")]
    assert table(rows, "accounts") == [account("2", "ben", None)]


def answered(endpoint: str, body: Any, about: dict[str, str]) -> Answer:

    return Answer("github", endpoint, "https://api.github.test/x", 200, json.dumps(body), RECEIVED, about)


@pytest.mark.parametrize(
    ("endpoint", "about", "gone"),
    [
        ("issue", {"content_id": "100", "number": "12"}, ["100#12"]),
        ("issue_comments", {"content_id": "100#12", "account_id": "2"}, ["100#12"]),
        ("stargazers", {"content_id": "100", "account_id": "1"}, []),
        ("issue", {}, []),
    ],
)
def test_a_deleted_issue_is_a_deletion(endpoint: str, about: dict[str, str], gone: list[str]) -> None:
    answer = replace(answered(endpoint, {"message": "This issue was deleted"}, about), status=410)
    assert table(github.rows(answer, reading()), "deletions") == [
        {"network": "github", "content_id": content, "deleted_at": RECEIVED} for content in gone
    ]
    assert list(github.rows(replace(answer, status=404), reading())) == []


def test_a_star_without_its_date_counts_from_noon() -> None:
    bare = {"login": "ben", "id": 2, "type": "User"}
    answer = answered("stargazers", [bare], {"content_id": "100", "account_id": "1"})
    assert table(github.rows(answer, reading()), "activities") == [
        act("12:00", "like", "like:100:2", "2", "1", "100")
    ]


def test_what_the_request_should_have_said_is_missed_and_not_guessed() -> None:
    rows = github.rows(answered("stargazers", [{"login": "ben", "id": 2}], {}), reading())
    assert refusals(rows) == [("missing_column", "stargazers: about.content_id")]


def test_what_is_stored_has_no_words_of_anybody() -> None:
    stored = "".join(github.kept(answer, lambda _: "").body for answer in fixture("github"))
    for word in ("words", "Words", "private words", "ada/secret", "dan/closed", "Tools", "e@example.org"):
        assert word not in stored, word


def test_a_pull_asks_for_all_of_it_once_and_gives_the_same_rows_again(tmp_path: Path) -> None:
    lines = recorded("github")
    with pulling(github, lines, tmp_path, github_token=GIVEN) as pull:
        rows = pull.run("ada", "not a login")
        assert pull.server.missed == []
        assert sum(pull.server.calls.values()) == len(lines)
        kinds = [row["kind"] for row in table(rows, "activities")]
        assert {kind: kinds.count(kind) for kind in kinds} == {
            "post": 3, "repost": 2, "like": 3, "reply": 8, "follow": 3,
        }  # fmt: skip
        assert pull.client.notes == ["not a login cannot be a login of GitHub"]
        assert pull.client.failures == []
        stars = [headers for url, headers in pull.server.asked if "star" in url]
        assert {headers["Accept"] for headers in stars} == {"application/vnd.github.star+json"}
        assert {headers["Authorization"] for _, headers in pull.server.asked} == {f"Bearer {GIVEN}"}
        assert pull.run("ada", "not a login") == rows
        assert sum(pull.server.calls.values()) == len(lines)
        assert GIVEN not in pull.journal.path.read_text()
    with pulling(github, lines, tmp_path / "again") as pull:
        assert pull.run("ada") == rows
        assert not any("Authorization" in headers for _, headers in pull.server.asked)


def test_the_newest_stars_are_asked_for_from_the_end_of_the_list(tmp_path: Path) -> None:
    base = "https://api.github.test"
    repository = next(
        item for line in recorded("github") if line["endpoint"] == "user_repos" for item in line["body"]
    ) | {"stargazers_count": 350, "forks_count": 0, "open_issues_count": 0}  # fmt: skip

    def line(path: str, body: Any) -> dict[str, Any]:
        return {"url": base + path, "status": 200, "body": body}

    def star(number: int, at: str) -> dict[str, Any]:
        return {"starred_at": at, "user": {"id": number, "login": f"u{number}", "type": "User"}}

    stars = "/repos/ada/garden/stargazers?per_page=100&page="
    lines = [
        line("/users/ada", recorded("github")[0]["body"]),
        line("/users/ada/repos?type=owner&sort=pushed&direction=desc&per_page=100", [repository]),
        line(stars + "4", [star(14, "2026-03-10T20:00:00Z")]),
        line(stars + "3", [star(12, "2026-03-09T20:00:00Z"), star(13, "2026-03-10T10:00:00Z")]),
    ]
    with pulling(github, lines, tmp_path) as pull:
        rows = pull.run("ada")
        likes = [row["activity_id"] for row in table(rows, "activities") if row["kind"] == "like"]
        assert likes == ["like:100:14", "like:100:13"]
        assert stars + "2" not in pull.server.missed


def test_a_refusal_for_going_too_fast_says_so_in_words(tmp_path: Path) -> None:
    body = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}
    refused = {"url": "https://a.test/users/ada", "status": 403, "body": body}
    with pulling(github, [refused], tmp_path, pull_patience=59) as pull:
        with pytest.raises(NetworkDownError, match="until 2026-03-11 02:01:00"):
            pull.run("ada")
        assert len(pull.journal) == 0


@pytest.mark.parametrize(
    ("token", "line", "told"),
    [
        (GIVEN, {"url": "https://a.test/user", "status": 200, "body": {"id": 1, "login": "ada"}}, "@ada"),
        (
            None,
            {"url": "https://a.test/rate_limit", "status": 200, "body": {}},
            "nobody, with 60 requests an hour",
        ),
    ],
)
def test_check_says_who_asks(token: str | None, line: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pulling(github, [line], tmp_path, github_token=token) as pull:
        assert github.check(pull.client) == told
