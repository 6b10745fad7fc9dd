"""Mastodon: full and bare servers are pulled, twice alike, each for what is its own."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from orchestration.connectors import mastodon
from orchestration.connectors.answers import Answer, Refused, Row
from orchestration.connectors.network import Asked, ConnectorError
from orchestration.settings import Settings
from tests.fixtures.network_answers import (
    fixture,
    reading,
    refusals,
    table,
)
from tests.fixtures.pulled import asked_of, opened, pulled, pulled_twice
from tests.fixtures.replay_server import recorded, serving

SINCE = datetime(2026, 3, 10, tzinfo=UTC)
ADA = "ada@town.example"


def asked(url: str, *names: str, **more: Any) -> Asked:
    return asked_of("mastodon", Settings(_env_file=None, mastodon_url=url, **more), *names)


def test_a_pull_asks_what_it_needs_and_gives_the_same_rows_again(tmp_path: Path) -> None:
    with serving(recorded("mastodon")) as server:
        wish = asked(server.url, "ada", "@ben@far.example", "ada@town.example", "nobody")
        first = pulled_twice(mastodon, server, wish, tmp_path)
    rows = list(_rows(first.answers, server.url))
    recorded_rows = [row for answer in fixture("mastodon") for row in mastodon.rows(answer, reading())]
    assert {_name(row) for row in rows} == {_name(row) for row in recorded_rows}
    assert [note.partition(":")[0] for note in first.client.failures] == [
        "account nobody",
        "a post that was answered on town.example",
        "a post that was answered on town.example",
    ]


def _rows(answers: list[Answer], url: str = "//nowhere") -> Iterator[Row | Refused]:
    """The rows, with the recorded server's address in place of the one that replayed it."""
    for answer in answers:
        told = {name: text.replace(url, "https://social.example") for name, text in answer.about.items()}
        body = answer.body.replace(url, "https://social.example")
        yield from mastodon.rows(replace(answer, body=body, about=told), reading())


def _name(row: Row | Refused) -> object:
    if isinstance(row, Refused):
        return row.reason, row.detail
    return row.table, row.values.get("activity_id") or row.values["account_id"]


def bare_status(number: int, author: dict[str, Any], at: datetime, **more: Any) -> dict[str, Any]:
    """As little of a post as a server may give: no counters worth the name, no quotes, no tags."""
    return {
        "id": f"A{number}", "uri": f"http://bare.example/o/{number}", "created_at": at.isoformat(),
        "visibility": "public", "account": author, "content": "words", "in_reply_to_id": None,
        "in_reply_to_account_id": None, "reblog": None, "replies_count": 0, "reblogs_count": 0,
        "favourites_count": 0, **more,
    }  # fmt: skip


def bare_server() -> list[dict[str, Any]]:
    """A server without Link headers, with counters at 0 and empty lists of followers."""
    ada = {"id": "Aa", "acct": "ada", "followers_count": 0}
    ben = {"id": "Ab", "acct": "ben"}
    posts = [bare_status(n, ada, SINCE + timedelta(minutes=n)) for n in range(7, 0, -1)]
    reply = bare_status(
        500, ben, SINCE + timedelta(hours=5), in_reply_to_id="A7", in_reply_to_account_id="Aa"
    )
    api = "/api/v1"
    lines: list[tuple[str, Any, int]] = [
        ("/api/v2/instance", {"error": "no such thing"}, 404),
        (f"{api}/instance", {"uri": "https://bare.example", "version": "2.7.2 (compatible; Other)"}, 200),
        (f"{api}/accounts/lookup?acct=ada", ada, 200),
        (f"{api}/accounts/Aa/statuses?limit=40", posts[:3], 200),
        (f"{api}/accounts/Aa/statuses?limit=40&max_id=A5", posts[3:6], 200),
        (f"{api}/accounts/Aa/statuses?limit=40&max_id=A2", posts[6:], 200),
        (f"{api}/accounts/Aa/statuses?limit=40&max_id=A1", [], 200),
        (f"{api}/accounts/Aa/followers?limit=80", [], 200),
        (f"{api}/accounts/Aa/following?limit=80", [], 200),
    ]
    for post in posts:
        path, mine = f"{api}/statuses/{post['id']}", post["id"] == "A7"
        lines += [
            (f"{path}/context", {"ancestors": [], "descendants": [reply] if mine else []}, 200),
            (f"{path}/reblogged_by?limit=80", [], 200),
            (f"{path}/favourited_by?limit=80", [ben] if mine else [], 200),
        ]
    return [{"url": url, "status": status, "body": body} for url, body, status in lines]


def test_a_bare_server_is_read_whole(tmp_path: Path) -> None:
    with serving(bare_server()) as server:
        pull = pulled(mastodon, asked(server.url, "ada"), tmp_path)
        assert server.missed == []
    rows = list(_rows(pull.answers))
    kinds = [row["kind"] for row in table(rows, "activities")]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"post": 7, "reply": 1, "like": 1}
    assert refusals(rows) == []
    like = next(row for row in table(rows, "activities") if row["kind"] == "like")
    assert (like["actor_account_id"], like["target_account_id"]) == ("ben@bare.example", "ada@bare.example")


def snac_server() -> list[dict[str, Any]]:
    """As snac answers: a post that was passed on looks like the passing on, and mentions have numbers of no
    account. Whom the token's owner follows stands for whom anybody follows."""

    def author(number: str, name: str) -> dict[str, Any]:
        return {"id": number, "acct": f"{name}@town.example", "created_at": "1970-01-01T00:00:00Z"}

    ada, ben = author("a" * 8, "Ada"), author("b" * 8, "ben")
    post = bare_status(
        3, ada, SINCE + timedelta(hours=9), reblogs_count=1, replies_count=1, favourites_count=1
    )
    passed_on = post | {"id": "A3", "uri": "https://town.example#3", "account": ben, "reblog": post}
    parent = bare_status(7, ben, SINCE - timedelta(days=2))
    shown = parent | {"id": "A7", "uri": "https://town.example#7", "account": ada, "reblog": parent}
    mention = {"id": "0", "acct": "ben@town.example", "url": "https://town.example/ben"}
    reply = bare_status(
        4, ada, SINCE + timedelta(hours=10), in_reply_to_id="A7", in_reply_to_account_id="b" * 8,
        mentions=[mention],
    )  # fmt: skip
    answered = bare_status(5, ben, SINCE + timedelta(hours=11), in_reply_to_id="A3")
    profile = ada | {"following_count": 3, "followers_count": 0}
    lines: list[tuple[str, Any, int]] = [
        ("/api/v1/instance", {"uri": "town.example", "version": "4.0.0 (not true; really snac/2.80)"}, 200),
        ("/api/v1/accounts/lookup?acct=Ada", profile, 200),
        (f"/api/v1/accounts/{'a' * 8}/statuses?limit=40", [reply, passed_on], 200),
        (f"/api/v1/accounts/{'a' * 8}/statuses?limit=40&max_id=A3", [], 200),
        (f"/api/v1/accounts/{'a' * 8}/followers?limit=80", [], 200),
        ("/api/v1/statuses/A7", shown, 200),
        ("/api/v1/statuses/A3/context", {"ancestors": [], "descendants": [answered]}, 200),
        ("/api/v1/statuses/A3/reblogged_by?limit=80", [ben], 200),
        ("/api/v1/statuses/A3/favourited_by?limit=80", [ben], 200),
    ]
    return [{"url": url, "status": status, "body": body} for url, body, status in lines]


def told_by(answers: list[Answer]) -> set[tuple[str, str, str | None, str | None]]:
    rows = table(_rows(answers), "activities")
    return {(r["kind"], r["actor_account_id"], r["target_account_id"], r["content_id"]) for r in rows}


def test_a_server_that_shows_posts_as_passed_on_is_understood(tmp_path: Path) -> None:
    with serving(snac_server()) as server:
        pull = pulled(
            mastodon, asked(server.url, "Ada@town.example", mastodon_token=SecretStr("t")), tmp_path
        )
        assert [url for url in server.missed if "v2" not in url] == []
    post, parent = (f"http://bare.example/o/{n}" for n in (3, 7))
    ben = "ben@town.example"
    assert told_by(pull.answers) == {
        ("post", ADA, None, post),
        ("repost", ben, ADA, post),
        ("like", ben, ADA, post),
        ("reply", ben, ADA, post),
        ("reply", ADA, ben, parent),
    }
    opened_at = {row["created_at"] for row in table(_rows(pull.answers), "accounts")}
    assert opened_at == {None}, "1970 is no date"


def test_a_server_that_shows_reactions_with_a_token_alone_still_tells_of_posts(tmp_path: Path) -> None:
    lines = [
        line | {"status": 401, "body": {"error": "no"}} if "/api/v1/statuses/" in line["url"] else line
        for line in snac_server()
    ]
    with serving(lines) as server:
        pull = pulled(mastodon, asked(server.url, "Ada@town.example"), tmp_path)
        assert len([url for url, _ in server.asked if "/api/v1/statuses/" in url]) == 1
    post = "http://bare.example/o/3"
    assert told_by(pull.answers) == {
        ("post", ADA, None, post),
        ("repost", "ben@town.example", ADA, post),
        ("reply", ADA, "ben@town.example", "town.example/A7"),
    }, "whose post was answered is known, the post is not"
    assert any("STATURE_MASTODON_TOKEN" in note for note in pull.client.notes)


def test_a_next_page_that_names_another_host_is_asked_for_here(tmp_path: Path) -> None:
    lines = bare_server()
    for line in lines:
        if line["url"].endswith("statuses?limit=40"):
            line["headers"] = {"Link": '<https://other.example/api/v1/x?limit=40&max_id=A5>; rel="next"'}
    with serving(lines) as server:
        pull = pulled(mastodon, asked(server.url, "ada"), tmp_path)
        assert server.missed == []
    assert len([kind for kind, *_ in told_by(pull.answers) if kind == "post"]) == 7


def test_a_server_that_pages_in_a_circle_is_left(tmp_path: Path) -> None:
    ada = {"id": "Aa", "acct": "ada"}
    page = [bare_status(7, ada, SINCE + timedelta(hours=1))]
    lines = [line for line in bare_server() if "statuses" not in line["url"]] + [
        {"url": f"/api/v1/accounts/Aa/statuses?limit=40{more}", "status": 200, "body": page}
        for more in ("", "&max_id=A7")
    ]
    with serving(lines) as server:
        pull = pulled(mastodon, asked(server.url, "ada"), tmp_path)
    assert any("came back" in note for note in pull.client.notes)
    assert [row["kind"] for row in table(_rows(pull.answers), "activities")].count("post") == 2, (
        "conform drops one"
    )


def test_two_servers_each_tell_of_their_own(tmp_path: Path) -> None:
    ben = {"id": "9", "acct": "ben"}
    other = [
        {"url": "/api/v2/instance", "status": 200, "body": {"domain": "far.example"}},
        {"url": "/api/v1/accounts/lookup?acct=ben", "status": 200, "body": ben},
        *({"url": f"/api/v1/accounts/9/{name}", "status": 200, "body": []} for name in
          ("statuses?limit=40", "followers?limit=80", "following?limit=80")),
    ]  # fmt: skip
    with serving(recorded("mastodon")) as town, serving(other) as far:
        wish = asked(f"{town.url}/, {far.url}", "ada", "ben@far.example", mastodon_token=SecretStr("s3cret"))
        pull = pulled(mastodon, wish, tmp_path)
        assert far.missed == []
        assert "/api/v1/accounts/2/statuses" not in town.calls
        assert all("Authorization" in headers for _, headers in town.asked)
        assert not any("Authorization" in headers for _, headers in far.asked), "the token is the first's"
    assert ADA in {row["account_id"] for row in table(_rows(pull.answers), "accounts")}
    assert "s3cret" not in "".join(answer.url + answer.body for answer in pull.answers)


def test_a_server_that_wants_a_token_says_so(tmp_path: Path) -> None:
    lines = [{"url": "/api/v1/accounts/lookup?acct=ada", "status": 401, "body": {"error": "no"}}]
    with serving(lines) as server, pytest.raises(ConnectorError, match="STATURE_MASTODON_TOKEN"):
        pulled(mastodon, asked(server.url, "ada"), tmp_path)


def test_an_address_that_is_none_is_the_users_mistake() -> None:
    with pytest.raises(ConnectorError, match="STATURE_MASTODON_URL"):
        mastodon.NETWORK.base(Settings(_env_file=None, mastodon_url="mastodon.social"))


def test_check_says_who_answers(tmp_path: Path) -> None:
    for lines, said in (
        (recorded("mastodon"), "town.example, version 4.5.0"),
        (bare_server(), "https://bare.example, version 2.7.2 (compatible; Other)"),
    ):
        with serving(lines) as server, opened(mastodon, asked(server.url), tmp_path / said[:4]) as pull:
            assert mastodon.check(pull.client) == said
