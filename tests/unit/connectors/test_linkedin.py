"""LinkedIn, in the shape that its documentation gives: no real answer has been seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestration.connectors import linkedin
from orchestration.connectors.client import ConnectorError
from orchestration.settings import Settings
from tests.fixtures.expected_rows import Expected
from tests.fixtures.network_answers import fixture, reading, reduce, refusals, table
from tests.fixtures.pulled import pulling
from tests.fixtures.replay_server import recorded

IN = Expected("linkedin")
ANSWERS = fixture("linkedin")
ADA, BOB = "urn:li:organization:7", "urn:li:organization:8"
CLEO, DAN, EVE = "urn:li:person:aB_1", "urn:li:person:cC-2", "urn:li:person:dD3"
POST, OLDER = "urn:li:share:101", "urn:li:ugcPost:102"
FIRST, ANSWERED = "urn:li:comment:(urn:li:activity:201,301)", "urn:li:comment:(urn:li:activity:201,303)"
TOLD = {"linkedin_url": "{server}", "linkedin_token": "t0ken", "linkedin_organizations": ["7"]}


def found(endpoint: str) -> list[Any]:
    return [row for answer in fixture("linkedin", endpoint) for row in linkedin.rows(answer, reading())]


def test_an_organisation_and_its_followers() -> None:
    known = IN.account(ADA, "ada-football", display_name="Ada Football Ltd")
    assert table(found("organization"), "accounts") == [known]
    assert table(found("organization_followers"), "accounts") == [{**known, "followers": 219145}]


def test_posts_for_everybody_and_whom_they_name() -> None:
    rows, about = found("posts"), ("goal of the year", "football")
    assert table(rows, "activities") == [
        IN.act("08:01", "post", POST, ADA, None, POST, *about),
        IN.act("08:01", "mention", f"mention:{POST}:{BOB}", ADA, BOB, None, *about),
    ]
    assert refusals(rows) == [("null_required", "posts: author of reshareContext.parent")]


def test_comments_and_answers_to_them() -> None:
    rows = found("comments")
    assert table(rows, "activities") == [
        IN.act("09:00", "reply", FIRST, CLEO, ADA, POST),
        IN.act("09:00", "mention", f"mention:{FIRST}:{BOB}", CLEO, BOB, None),
        IN.act("11:00", "reply", ANSWERED, ADA, CLEO, FIRST),
        IN.act("11:00", "mention", f"mention:{ANSWERED}:{DAN}", ADA, DAN, None),
    ]
    assert refusals(rows) == [("null_required", "comments: actor of parentComment")]


def test_reactions_of_the_day() -> None:
    rows = found("reactions")
    assert table(rows, "activities") == [
        IN.act("12:00", "like", f"urn:li:reaction:({CLEO},urn:li:activity:201)", CLEO, ADA, POST),
        IN.act("13:00", "like", f"like:{POST}:{EVE}", EVE, ADA, POST),
        IN.act("14:00", "like", f"urn:li:reaction:({CLEO},urn:li:activity:202)", CLEO, ADA, OLDER),
    ]
    assert refusals(rows) == [("null_required", "reactions: actor")]


def test_members_stay_a_name_without_a_face() -> None:
    assert all(
        "person" not in row["account_id"]
        for a in ANSWERS
        for row in table(linkedin.rows(a, reading()), "accounts")
    )


def test_what_is_stored_holds_no_words() -> None:
    stored = "".join(linkedin.kept(answer, reduce).body for answer in ANSWERS)
    for gone in ("season", "and more", "For us", "Thank you", "Bob's Garden"):
        assert gone not in stored
    assert BOB in stored


def test_without_what_was_asked_a_reaction_answers_nothing() -> None:
    lost = replace(fixture("linkedin", "reactions")[0], about={})
    assert {reason for reason, _ in refusals(linkedin.rows(lost, reading()))} == {"null_required"}
    assert table(linkedin.rows(lost, reading()), "activities") == []


def test_a_pull_says_which_version_it_speaks_and_pulling_again_asks_nothing(tmp_path: Path) -> None:
    lines = recorded("linkedin")
    with pulling(linkedin, lines, tmp_path, **TOLD) as pull:
        first = pull.run("urn:li:organization:7", "ada", "urn:li:person:aB_1")
        expected = [row for answer in ANSWERS for row in linkedin.rows(answer, reading())]
        assert sorted(map(repr, first)) == sorted(map(repr, expected))
        assert not pull.server.missed
        assert sum(pull.server.calls.values()) == len(lines)
        for _, headers in pull.server.asked:
            assert headers["Authorization"] == "Bearer t0ken"
            assert (headers["LinkedIn-Version"], headers["X-Restli-Protocol-Version"]) == ("202609", "2.0.0")
        assert pull.run() == first
        assert sum(pull.server.calls.values()) == len(lines)
        assert linkedin.check(pull.client) == "reads Ada Football Ltd"


def test_older_pages_are_not_asked_for(tmp_path: Path) -> None:
    lines = recorded("linkedin")
    posts = [line for line in lines if line["endpoint"] == "posts"]
    posts[0]["body"]["elements"] = posts[0]["body"]["elements"][-1:]
    posts[0]["body"]["elements"][0]["createdAt"] -= 30 * 86_400_000
    with pulling(linkedin, lines, tmp_path, **TOLD) as pull:
        pull.run()
        assert pull.server.calls["/rest/posts"] == 1
        assert not any("reactions" in path for path in pull.server.calls)


def test_no_token_is_said() -> None:
    with pytest.raises(ConnectorError, match="STATURE_LINKEDIN_TOKEN"):
        linkedin.credentials(Settings(_env_file=None))  # type: ignore[call-arg]
