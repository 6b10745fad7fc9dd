"""Mastodon: answers become rows, each asserted whole; full and bare servers are pulled, twice alike."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from orchestration.connectors import mastodon
from orchestration.connectors.answers import Answer, Refused, Row
from orchestration.connectors.mastodon import profiles, statuses
from orchestration.connectors.network import Asked, ConnectorError, Watched
from orchestration.settings import Settings
from tests.fixtures.expected_rows import Expected
from tests.fixtures.network_answers import (
    DAY,
    RECEIVED,
    fixture,
    reading,
    refusals,
    table,
)
from tests.fixtures.pulled import answers_of, opened, pulled
from tests.fixtures.replay_server import recorded, serving

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
        Row("activities", act("12:00", "follow", f"follow:{BEN}:{ADA}", BEN, ADA, None)),
        Row("accounts", ROW_OF_BEN),
        Row("activities", act("12:00", "follow", f"follow:{DAN}:{ADA}", DAN, ADA, None)),
        Row("accounts", ROW_OF_DAN),
    ]
    assert table(found("following"), "activities") == [
        act("12:00", "follow", f"follow:{ADA}:{BEN}", ADA, BEN, None)
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


# --- pulls ----------------------------------------------------------------------------------------


def asked(url: str, *names: str, **more: Any) -> Asked:
    options = Settings(_env_file=None, mastodon_url=url, **more)
    accounts = tuple(Watched("mastodon", name, None, "watch") for name in names)
    return Asked(DAY, SINCE, SINCE + timedelta(days=1), accounts, 7, options)


def test_a_pull_asks_what_it_needs_and_gives_the_same_rows_again(tmp_path: Path) -> None:
    with serving(recorded("mastodon")) as server:
        wish = asked(server.url, "ada", "@ben@far.example", "ada@town.example", "nobody")
        first = pulled(mastodon, wish, tmp_path / "first")
        urls = [url for url, _ in server.asked]
        resumed = pulled(mastodon, wish, tmp_path / "first")
        assert len(server.asked) == len(urls), "what a stopped pull has asked for it does not ask for again"
        second = pulled(mastodon, wish, tmp_path / "second")
        assert server.missed == []
        assert [url for url, _ in server.asked] == urls * 2
    assert len(set(urls)) == len(urls), "nothing is asked twice"
    assert answers_of(first) == answers_of(second) == answers_of(resumed)
    rows = list(_rows(first.answers, server.url))
    assert rows == list(_rows(second.answers, server.url))
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
