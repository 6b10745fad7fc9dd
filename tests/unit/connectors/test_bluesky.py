"""Bluesky: its answers become rows, damaged ones are refused, and who hides does not show."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestration.connectors import bluesky
from orchestration.connectors.answers import Answer, Refused, Row
from orchestration.connectors.bluesky.asking import LIST_PAGES
from tests.fixtures.expected_rows import Expected
from tests.fixtures.network_answers import DAY, RECEIVED, fixture, reading, reduce, refusals, table
from tests.fixtures.pulled import pulling
from tests.fixtures.replay_server import recorded

ADA, BO, CY, DEE, HID = (f"did:plc:{name}" for name in ("ada", "bo", "cy", "dee", "hid"))
NOON = "12:00"
expected = Expected("bluesky")
act = expected.act


def post(author: str, key: str) -> str:
    return f"at://{author}/app.bsky.feed.post/{key}"


MATCH, OLD, ANSWERED, SHOWN = post(ADA, "3p1"), post(ADA, "3p0"), post(BO, "3b1"), post(CY, "3c1")
BOTH, FOOTBALL = post(ADA, "3p3"), ("football",)

ACTIVITIES = {
    "author_feed": [
        act("11:00", "repost", f"repost:{SHOWN}:{ADA}", ADA, CY, SHOWN),
        act("09:30", "reply", BOTH, ADA, BO, ANSWERED),
        act("09:30", "quote", f"quote:{BOTH}:{SHOWN}", ADA, CY, SHOWN),
        act("09:30", "mention", f"mention:{BOTH}:{CY}", ADA, CY, None),
        act("09:00", "quote", post(ADA, "3p2"), ADA, CY, SHOWN),
        act("08:00", "post", MATCH, ADA, None, MATCH, *FOOTBALL),
        act("08:00", "mention", f"mention:{MATCH}:{BO}", ADA, BO, None, *FOOTBALL),
    ],
    "likes": [
        act("12:00", "like", f"like:{MATCH}:{BO}", BO, ADA, MATCH),
        act("12:30", "like", f"like:{MATCH}:{CY}", CY, ADA, MATCH),
        act("15:00", "like", f"like:{OLD}:{DEE}", DEE, ADA, OLD),
    ],
    "reposted_by": [act(NOON, "repost", f"repost:{MATCH}:{BO}", BO, ADA, MATCH)],
    "quotes": [act("13:00", "quote", post(CY, "3c2"), CY, ADA, MATCH, *FOOTBALL)],
    "thread": [
        act("08:00", "post", MATCH, ADA, None, MATCH, *FOOTBALL),
        act("08:00", "mention", f"mention:{MATCH}:{BO}", ADA, BO, None, *FOOTBALL),
        act("14:00", "reply", post(BO, "3b2"), BO, ADA, MATCH),
    ],
    "followers": [
        act(NOON, "follow", f"follow:{BO}:{ADA}:{DAY}", BO, ADA, None),
        act(NOON, "follow", f"follow:{CY}:{ADA}:{DAY}", CY, ADA, None),
    ],
    "follows": [act(NOON, "follow", f"follow:{ADA}:{CY}:{DAY}", ADA, CY, None)],
}
BORN = datetime(2024, 3, 1, 10, tzinfo=UTC)


def person(account_id: str, handle: str, **said: Any) -> dict[str, Any]:
    name = handle.split(".", maxsplit=1)[0].title()
    return expected.account(account_id, handle, **{"display_name": name, "created_at": BORN, **said})


ACCOUNTS = {
    "profiles": [person(ADA, "ada.example", followers=3, following=1, posts=4, is_verified=True)],
    "likes": [
        person(BO, "bo.example"),
        person(CY, "cy.example"),
        # Without a valid handle, and a bot by its own word.
        person(DEE, DEE, display_name=None, is_automated=True),
        person(BO, "bo.example"),
    ],
    "reposted_by": [person(BO, "bo.example")],
    "quotes": [person(CY, "cy.example")],
    "followers": [person(ADA, "ada.example"), person(BO, "bo.example"), person(CY, "cy.example")],
    "follows": [person(ADA, "ada.example"), person(CY, "cy.example")],
}


def rows(answers: list[Answer]) -> Iterator[Row | Refused]:
    for answer in answers:
        yield from bluesky.rows(answer, reading())


@pytest.mark.parametrize("endpoint", ACTIVITIES)
def test_activities(endpoint: str) -> None:
    assert table(rows(fixture("bluesky", endpoint)), "activities") == ACTIVITIES[endpoint]


@pytest.mark.parametrize("endpoint", ACCOUNTS)
def test_accounts(endpoint: str) -> None:
    assert said(table(rows(fixture("bluesky", endpoint)), "accounts")) == said(ACCOUNTS[endpoint])


def said(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what the service does not say."""
    return [{name: value for name, value in row.items() if value is not None} for row in found]


def test_what_is_gone_and_what_cannot_be_read_are_told() -> None:
    found = list(rows(fixture("bluesky")))
    gone = {"network": "bluesky", "content_id": ANSWERED, "deleted_at": datetime(2026, 3, 10, 12, tzinfo=UTC)}
    assert table(found, "deletions") == [gone]
    assert refusals(found) == [
        ("bad_type", "thread: uri is no at:// address with a DID"),
        ("bad_type", "follows: did is no DID"),
    ]


def test_an_answer_is_stored_without_words_and_without_who_hides() -> None:
    for answer in fixture("bluesky"):
        stored = bluesky.kept(answer, reduce)
        for word in ("secret", "hidden", "private", "avatar"):
            assert word not in stored.body


def test_a_record_moved_in_from_elsewhere_counts_when_it_was_made() -> None:
    (answer,) = fixture("bluesky", "quotes")
    body = json.loads(answer.body)
    body["posts"][0]["record"]["createdAt"] = "2026-03-01T00:00:00Z"
    moved = Answer("bluesky", "quotes", "", 200, json.dumps(body), RECEIVED)
    assert table(rows([moved]), "activities") == []
    body["posts"][0]["record"]["createdAt"] = "2026-03-09T00:00:00Z"  # a clock that is slow
    slow = Answer("bluesky", "quotes", "", 200, json.dumps(body), RECEIVED)
    assert len(table(rows([slow]), "activities")) == 1


def test_a_pull_asks_for_what_there_is_and_twice_gives_the_same(tmp_path: Path) -> None:
    with pulling(bluesky, recorded("bluesky"), tmp_path) as pull:
        first = pull.run("ada.example", "@gone.example")
        assert pull.server.missed == []
        assert len(pull.server.asked) == len(fixture("bluesky"))
        assert pull.client.notes == ["there is no account gone.example"]
        assert pull.client.failures == []
    (tmp_path / "bluesky.jsonl").unlink()
    with pulling(bluesky, recorded("bluesky"), tmp_path) as pull:
        assert pull.run("ada.example", "@gone.example") == first
    counted = [row["kind"] for row in table(first, "activities")]
    assert {kind: counted.count(kind) for kind in sorted(set(counted))} == {
        "follow": 3, "like": 3, "mention": 3, "post": 2, "quote": 3, "reply": 2, "repost": 2
    }  # fmt: skip


def test_one_handle_that_cannot_be_does_not_spoil_the_others(tmp_path: Path) -> None:
    base = "https://public.api.bsky.app/xrpc/app.bsky.actor.getProfiles?"
    bad = {"status": 400, "body": {"error": "InvalidRequest"}}
    lines = [
        {"url": f"{base}actors=ada.example&actors=no+handle", **bad},
        recorded("bluesky")[0] | {"url": f"{base}actors=ada.example"},
        {"url": f"{base}actors=no+handle", **bad},
        *recorded("bluesky")[1:],
    ]
    with pulling(bluesky, lines, tmp_path) as pull:
        found = pull.run("ada.example", "no handle")
        assert len(table(found, "activities")) == 18
        assert pull.client.failures == ["account no handle: profiles: the service answered 400"]


def test_of_a_long_list_the_newest_are_read(tmp_path: Path) -> None:
    base = f"https://public.api.bsky.app/xrpc/app.bsky.graph.getFollowers?actor={ADA}&limit=100"
    pages = [
        {
            "url": base + (f"&cursor={n}" if n else ""),
            "status": 200,
            "body": {"subject": {"did": ADA}, "followers": [{"did": f"did:plc:f{n}"}], "cursor": str(n + 1)},
        }
        for n in range(LIST_PAGES + 3)
    ]
    lines = [line for line in recorded("bluesky") if line["endpoint"] != "followers"]
    with pulling(bluesky, [*lines, *pages], tmp_path) as pull:
        found = table(pull.run("ada.example", "gone.example"), "activities")
        follows = [row for row in found if row["activity_id"].startswith("follow:did:plc:f")]
        assert len(follows) == LIST_PAGES
        assert "of long lists of followers and follows, the newest 1,000 were read" in pull.client.notes


def test_check_names_the_service(tmp_path: Path) -> None:
    line = {"url": "https://public.api.bsky.app/xrpc/_health", "status": 200, "body": {"version": "0.4.1"}}
    with pulling(bluesky, [line], tmp_path) as pull:
        assert bluesky.check(pull.client) == (
            "public reading without an account; the service is version 0.4.1"
        )
        assert reading().day == DAY
