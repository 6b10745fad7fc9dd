"""Discourse: answers become rows, each asserted whole; a forum is pulled whole, nothing private is kept."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from orchestration.connectors import discourse
from orchestration.connectors.answers import Answer, Refused, Row
from orchestration.connectors.discourse.posts import named_in
from orchestration.connectors.network import Asked, ConnectorError
from orchestration.settings import Settings
from tests.fixtures.expected_rows import Expected
from tests.fixtures.network_answers import (
    RECEIVED,
    fixture,
    reading,
    refusals,
    table,
)
from tests.fixtures.pulled import asked_of, opened, pulled, pulled_twice
from tests.fixtures.replay_server import recorded, serving

SINCE = datetime(2026, 3, 10, tzinfo=UTC)
F = "forum.example"
ADA, BEN, CLEO, DAN, EVE = (f"{F}/{name}" for name in ("ada", "ben", "cleo", "dan", "eve"))


expected = Expected("discourse")
act = expected.act


def account(handle: str, name: str | None, **known: Any) -> dict[str, Any]:
    return expected.account(f"{F}/{handle.lower()}", f"{handle}@{F}", display_name=name, **known)


OPENED = {"created_at": datetime(2019, 5, 1, 10, tzinfo=UTC)}
ROW_OF_SYSTEM = account("system", "System", is_automated=True)


def found(endpoint: str, at: int = 0) -> list[Row | Refused]:
    return list(discourse.rows(fixture("discourse", endpoint)[at], reading()))


def test_a_topic_is_a_post_and_what_answers_it() -> None:
    rows = found("topic")
    about = ("health", "acme", "football", "gardening")
    assert table(rows, "activities") == [
        act("09:00", "post", f"{F}/500", ADA, None, f"{F}/500", *about),
        act("09:00", "mention", f"mention:{F}/500:{BEN}", ADA, BEN, None, *about),
        act("10:00", "reply", f"{F}/501", BEN, ADA, f"{F}/500"),
        act("11:00", "reply", f"{F}/502", CLEO, BEN, f"{F}/501"),
        act("12:50", "reply", f"{F}/508", f"{F}/system", ADA, f"{F}/500"),
    ]
    assert table(rows, "accounts") == [
        account("Ada", "Ada", **OPENED), account("ben", "Ben"), account("cleo", "Cleo"), ROW_OF_SYSTEM,
    ]  # fmt: skip
    assert table(rows, "deletions") == [
        {"network": "discourse", "content_id": f"{F}/506", "deleted_at": SINCE + timedelta(hours=13)}
    ]
    assert set(refusals(rows)) == {("null_required", "topic: username")}, "a post whose author is gone"
    assert table(found("topic", 1), "activities") == [], "older posts belong to other days"


def test_more_posts_of_a_topic_and_what_they_answer() -> None:
    assert table(found("topic_posts"), "activities") == [
        act("08:00", "reply", f"{F}/641", ADA, CLEO, f"{F}/600")
    ]
    gone = act("07:00", "reply", f"{F}/639", DAN, EVE, f"{F}/t/58/7")
    assert found("parent", 0) == [Row("activities", gone)], "the post is gone, but its author is named"
    known = act("06:00", "reply", f"{F}/638", DAN, EVE, f"{F}/607")
    assert found("parent", 1) == [Row("activities", known), Row("accounts", account("Eve", "Eve"))]
    assert found("parent", 2) == [Refused("null_required", "parent: reply_to_user")]


def test_posts_alone_tell_of_replies_what_they_can() -> None:
    answer = fixture("discourse", "topic_posts")[0]
    rows = list(discourse.rows(replace(answer, about={"forum": F}), reading()))
    replies = table(rows, "activities")
    assert replies == [act("07:00", "reply", f"{F}/639", DAN, EVE, f"{F}/t/58/7")]
    assert refusals(rows) == [("null_required", "topic_posts: reply_to_user")] * 3
    newest = found("posts")
    assert table(newest, "activities") == [act("06:00", "post", f"{F}/700", CLEO, None, f"{F}/700", "tennis")]
    assert refusals(newest) == [("null_required", "posts: reply_to_user")]


def test_likes_have_no_date_of_their_own() -> None:
    rows = found("likes")
    assert table(rows, "activities") == [
        act("12:00", "like", f"like:{F}/500:{BEN}", BEN, ADA, f"{F}/500"),
        act("12:00", "like", f"like:{F}/500:{DAN}", DAN, ADA, f"{F}/500"),
    ]
    assert table(rows, "accounts") == [account("Ben", "Ben"), account("dan", None)]
    assert refusals(rows) == [("null_required", "likes: username")]
    likes = fixture("discourse", "likes")[0]
    tomorrow = replace(likes, about={**likes.about, "at": "2026-03-11T01:00:00+00:00"})
    assert table(discourse.rows(tomorrow, reading()), "activities") == []


def test_accounts_of_a_list_and_of_a_profile() -> None:
    system = account("system", "system", is_automated=True)
    assert table(found("latest"), "accounts") == [account("Ada", "Ada Lovelace"), system]
    assert refusals(found("latest")) == [("null_required", "latest: username")]
    profile = account("Ada", "Ada Lovelace", region="Lagos", followers=12, following=3, posts=7, **OPENED)
    assert found("user") == [Row("accounts", profile)]


@pytest.mark.parametrize(
    ("cooked", "names"),
    [
        ('<a class="mention" href="/u/ada.b">@ada.b</a>', ["ada.b"]),
        ('<a href="/forum/u/%C3%A9va" class="mention">@éva</a>', ["éva"]),
        ('<a class="mention" href="/users/ada">@ada</a><a class="mention" href="/u/ada">@ada</a>', ["ada"]),
        ('<a class="mention-group" href="/groups/staff">@staff</a><a href="/u/ada">x</a>', []),
        ('<aside class="quote" data-username="A &amp; B">', ["A & B"]),
        ('<aside class="onebox" data-username="ada"><span class="mention">@nobody</span>', []),
        ("<a" * 20_000, []),
    ],
)
def test_who_is_named(cooked: str, names: list[str]) -> None:
    assert named_in(cooked) == names


def test_nothing_private_is_a_row_or_kept() -> None:
    for answer in fixture("discourse"):
        stored = discourse.kept(answer, lambda _: "")
        for word in ("Words", "Secret", "words", "ada@mail.example", "gardening", "football"):
            assert word not in stored.body, (answer.endpoint, word)
    talk = {
        "id": 9,
        "archetype": "private_message",
        "title": "x",
        "post_stream": {"posts": [{"cooked": "hush"}]},
    }
    answer = Answer("discourse", "topic", "https://forum.example/t/9.json", 200, json.dumps(talk), RECEIVED)
    assert "hush" not in discourse.kept(answer, str).body
    assert list(discourse.rows(answer, reading())) == []
    assert list(discourse.rows(discourse.kept(answer, str), reading())) == []


# --- pulls ----------------------------------------------------------------------------------------


def asked(url: str, *names: str, **more: Any) -> Asked:
    return asked_of("discourse", Settings(_env_file=None, discourse_url=url, **more), *names)


def as_recorded(answers: list[Answer], url: str) -> list[Answer]:
    """The answers with the recorded forum's name in place of the server that replayed it."""
    host = url.removeprefix("http://")
    return [
        replace(
            answer,
            received_at=RECEIVED,
            body=answer.body.replace(host, F),
            about={name: told.replace(host, F) for name, told in answer.about.items()},
        )
        for answer in answers
    ]


def test_a_pull_asks_what_it_needs_and_gives_the_same_rows_again(tmp_path: Path) -> None:
    with serving(recorded("discourse")) as server:
        wish = asked(server.url, f"Ada@{server.url.removeprefix('http://')}", "ben@elsewhere.example")
        first = pulled_twice(discourse, server, wish, tmp_path)
    pull = as_recorded(first.answers, server.url)
    expected = [a for a in fixture("discourse") if a.endpoint not in ("about", "posts")]
    by_place = sorted(expected, key=lambda a: a.url)
    for mine, theirs in zip(sorted(pull, key=lambda a: a.url), by_place, strict=True):
        assert dict(mine.about) == dict(theirs.about), mine.url
        assert list(discourse.rows(mine, reading())) == list(discourse.rows(theirs, reading())), mine.url
    assert len(first.client.failures) == 2, "two posts that were answered are gone"


def test_a_key_opens_nothing_that_is_not_open_to_all(tmp_path: Path) -> None:
    site = {"categories": [{"id": 1, "read_restricted": False}, {"id": 2, "read_restricted": True}]}
    topics = [{"id": n, "bumped_at": "2026-03-10T08:00:00Z", "category_id": n} for n in (1, 2)]
    open_topic = {"id": 1, "post_stream": {"posts": [], "stream": []}}
    lines = [
        {"url": "/site.json", "status": 200, "body": site},
        {
            "url": "/latest.json?order=activity&page=0",
            "status": 200,
            "body": {"topic_list": {"topics": topics}},
        },
        {"url": "/latest.json?order=activity&page=1", "status": 200, "body": {"topic_list": {"topics": []}}},
        {"url": "/t/1.json", "status": 200, "body": open_topic},
    ]
    with serving(lines) as server:
        wish = asked(server.url, discourse_key=SecretStr("s3cret"), discourse_username="reader")
        pull = pulled(discourse, wish, tmp_path)
        assert server.missed == []
        assert {headers["Api-Key"] for _, headers in server.asked} == {"s3cret"}
        assert {headers["Api-Username"] for _, headers in server.asked} == {"reader"}
    assert "s3cret" not in "".join(answer.url + answer.body for answer in pull.answers)


def test_an_address_that_is_none_is_the_users_mistake() -> None:
    with pytest.raises(ConnectorError, match="STATURE_DISCOURSE_URL"):
        discourse.NETWORK.base(Settings(_env_file=None, discourse_url="meta.discourse.org"))


def test_check_says_who_answers(tmp_path: Path) -> None:
    with serving(recorded("discourse")) as server, opened(discourse, asked(server.url), tmp_path) as pull:
        assert discourse.check(pull.client) == "The Forum"


SCHEMAS = Path(__file__).parents[3].parent / "shared" / "data" / "schemas" / "discourse" / "openapi.json"


@pytest.mark.skipif(not SCHEMAS.is_file(), reason=f"the published description is not at {SCHEMAS}")
def test_the_fields_that_are_read_are_those_that_are_published() -> None:
    published = json.loads(SCHEMAS.read_text())["paths"]
    for path, fields in discourse.FIELDS.items():
        answer = published[path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        for name, kind in fields.items():
            schema = answer
            for step in name.split("."):
                schema = schema["properties"][step.removesuffix("[]")]
                schema = schema["items"] if step.endswith("[]") else schema
            kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
            assert kind in kinds, (path, name)
