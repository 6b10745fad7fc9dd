"""WordPress: posts, comments of users and guests, pingbacks; what is private or closed never shows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from orchestration.connectors import wordpress
from orchestration.connectors.answers import Row
from orchestration.connectors.client import ConnectorError
from orchestration.connectors.network import Asked, Watched
from orchestration.connectors.wordpress import asking
from orchestration.settings import Settings
from tests.fixtures.expected_rows import Expected
from tests.fixtures.network_answers import DAY, fixture, reading, reduce, refusals, table
from tests.fixtures.pulled import pulling
from tests.fixtures.replay_server import recorded

WP = Expected("wordpress")
ANSWERS = fixture("wordpress")
ROUTES = Path(__file__).parents[4] / "shared/data/schemas/wordpress/default-routes.json"
WHEN = {"after", "before", "order", "page", "per_page"}
DAN, GUS, HAL = (f"guest:ada.blog:{h}" for h in ("ec4f2dbb3b140095", "70f368c31301d0dd", "fe1ec342a9c7cf98"))
ADA = WP.account("ada.blog/u3", "ada.blog/ada", display_name="Ada Okonkwo")
BOB = WP.account("ada.blog/u4", "ada.blog/bob", display_name="Bob & Sons")


def found(endpoint: str) -> list[Any]:
    return [row for answer in fixture("wordpress", endpoint) for row in wordpress.rows(answer, reading())]


def test_the_blog_itself_is_an_account() -> None:
    assert found("root") == [
        Row("accounts", WP.account("ada.blog", "ada.blog", display_name="Ada\u2019s blog"))
    ]


def test_posts_of_the_day_that_are_out() -> None:
    rows = found("posts")
    post = WP.act(
        "09:30", "post", "ada.blog/p12", "ada.blog/u3", None, "ada.blog/p12",
        "women s football", "football", "goal of the year", "cooking",
    )  # fmt: skip
    last = WP.act("23:59:59", "post", "ada.blog/p13", "ada.blog/u4", None, "ada.blog/p13")
    assert table(rows, "activities") == [post, last]
    assert table(rows, "accounts") == [ADA, BOB, ADA]
    assert refusals(rows) == [
        ("null_required", "posts: author of the post"),
        ("bad_type", "posts: date_gmt is no moment"),
    ]


def test_comments_answer_the_post_or_the_comment_before() -> None:
    rows = found("comments")
    post, ada, bob, cleo = "ada.blog/p12", "ada.blog/u3", "ada.blog/u4", "guest:cleo.example/me"
    assert table(rows, "activities") == [
        WP.act("12:00", "reply", "ada.blog/c21", bob, ada, post),
        WP.act("12:05", "reply", "ada.blog/c22", cleo, bob, "ada.blog/c21"),
        WP.act("12:10", "reply", "ada.blog/c23", DAN, cleo, "ada.blog/c22"),
        WP.act("12:20", "mention", "ada.blog/c24", "eve.example", ada, None),
        # A trackback is not proved: it does not speak for the blog that it names.
        WP.act("12:30", "mention", "ada.blog/c25", "guest:eve.example", ada, None),
        WP.act("12:40", "reply", "ada.blog/c26", "ada.blog/u5", ada, post),
        WP.act("13:10", "reply", "ada.blog/c29", HAL, bob, "ada.blog/p13"),
    ]
    assert table(rows, "accounts") == [
        BOB,
        WP.account(cleo, cleo, display_name="Cleo"),
        WP.account(DAN, DAN, display_name="Dan"),
        WP.account("eve.example", "eve.example"),
        WP.account("guest:eve.example", "guest:eve.example", display_name="Mallory"),
        WP.account("ada.blog/u5", "ada.blog/u5", display_name="Finn"),
        WP.account(GUS, GUS, display_name="Gus"),
        WP.account(HAL, HAL),  # his name was an e-mail address
        WP.account("guest:early.example", "guest:early.example", display_name="Early"),
    ]
    assert refusals(rows) == [
        ("null_required", "comments: _embedded.in-reply-to"),
        ("null_required", "comments: author of the comment"),
        ("not_in_set", "comments: type is none that we know"),
    ]


def test_users() -> None:
    rows = found("users")
    assert table(rows, "accounts") == [ADA]
    assert refusals(rows) == [("null_required", "users: slug")]


def test_what_is_stored_holds_nothing_private() -> None:
    stored = "".join(wordpress.kept(answer, reduce).body for answer in ANSWERS)
    for gone in ("gravatar", "What we saw", "Their words", "Draft", "Protected", "Waits"):
        assert gone not in stored
    assert "football" in stored


def test_the_blog_is_told_by_the_address_where_nobody_wrote_it_down() -> None:
    answer = replace(
        fixture("wordpress", "users")[0], about={}, url="https://www.x.org/blog/wp-json/wp/v2/users"
    )
    assert table(wordpress.rows(answer, reading()), "accounts")[0]["account_id"] == "x.org/blog/u3"
    assert refusals(wordpress.rows(replace(answer, url=""), reading()))[0][0] == "missing_column"


@pytest.mark.skipif(not ROUTES.exists(), reason="the descriptions of ../shared/data are not here")
def test_the_routes_take_what_is_asked_of_them() -> None:
    routes = json.loads(ROUTES.read_text("utf-8"))
    for endpoint, params in {"posts": WHEN, "comments": WHEN, "users": {"page", "per_page"}}.items():
        (reading_it,) = (e for e in routes[f"/wp/v2/{endpoint}"]["endpoints"] if "GET" in e["methods"])
        assert params <= reading_it["args"].keys()


# --- asking ---------------------------------------------------------------------------------------


def lines(*drop: str) -> list[dict[str, Any]]:
    """The fixture without hosts, so that it stands for any blog."""
    kept = [line for line in recorded("wordpress") if line["endpoint"] not in drop]
    return [{**line, "url": line["url"].removeprefix("https://ada.blog")} for line in kept]


def of(rows: list[Any], place: str) -> str:
    """Rows as text, with the server's place as the fixture's, and without the parts that tell of asking."""
    acts = [row.values for row in rows if isinstance(row, Row) and row.table == "activities"]
    return json.dumps(acts, default=str).replace(place, "ada.blog")


def test_a_pull_asks_for_the_day_and_pulling_again_asks_nothing(tmp_path: Path) -> None:
    expected = of([row for answer in ANSWERS for row in wordpress.rows(answer, reading())], "ada.blog")
    with pulling(wordpress, lines(), tmp_path, wordpress_urls=["{server}/wp-json/"]) as pull:
        first = pull.run()
        place = pull.server.url.removeprefix("http://")
        hidden = expected.replace(DAN, DAN.replace("ada.blog", place))
        assert of(first, place) == hidden.replace(place, "ada.blog")
        asked = sum(pull.server.calls.values())
        assert asked == len(lines())
        assert not pull.server.missed
        assert pull.run() == first
        assert sum(pull.server.calls.values()) == asked
        assert not pull.client.failures


def test_a_blog_is_asked_under_rest_route_which_all_know(tmp_path: Path) -> None:
    plain = []
    for line in lines():
        path, _, query = line["url"].removeprefix("/wp-json").partition("?")
        plain.append({**line, "url": f"/?rest_route={path}&{query}"})
    with pulling(wordpress, plain, tmp_path, wordpress_urls=["{server}"]) as pull:
        rows = pull.run()
        assert len(table(rows, "activities")) == 9
        assert not pull.server.missed


def test_a_blog_that_does_not_know_rest_route_is_asked_under_wp_json(tmp_path: Path) -> None:
    with pulling(wordpress, lines(), tmp_path, wordpress_urls=["{server}"]) as pull:
        assert len(table(pull.run(), "activities")) == 9
        assert pull.server.missed == ["/?rest_route=%2F&_fields=name%2Curl%2Cnamespaces"]


def test_a_closed_list_of_users_and_a_dead_blog_stop_nothing(tmp_path: Path) -> None:
    there = [*lines("users"), {**lines()[-1], "status": 401, "body": {"code": "rest_user_cannot_view"}}]
    blogs = ["{server}/gone", "{server}"]
    with pulling(wordpress, there, tmp_path, wordpress_urls=blogs) as pull:
        assert len(table(pull.run(), "activities")) == 9
        place = pull.server.url.removeprefix("http://")
        assert [failure.split(": ")[0] for failure in pull.client.failures] == [
            f"blog {place}/gone",
            f"users of blog {place}",
        ]


def test_the_check_says_what_the_blog_calls_itself(tmp_path: Path) -> None:
    with pulling(wordpress, lines(), tmp_path, wordpress_urls=["{server}"]) as pull:
        assert wordpress.check(pull.client) == "the blog Ada\u2019s blog"


def asked(settings: Settings, *accounts: tuple[str, str]) -> Asked:
    watched = tuple(Watched("wordpress", handle, None, origin) for origin, handle in accounts)
    return Asked(DAY, reading().since, reading().until, watched, 7, settings)


def test_blogs_come_from_settings_watch_list_and_contacts_but_never_from_guests() -> None:
    told = Settings(_env_file=None, wordpress_urls="https://ada.blog/, https://x.org/b/?rest_route=/")  # type: ignore[call-arg]
    blogs = asking.blogs_of(
        asked(told, ("watch", "www.ada.blog"), ("watch", "10.0.0.1:8000"), ("crm", "bob.example"),
              ("crm", "http://169.254.169.254/"), ("crm", "ada"), ("reacted", "guest.example"))
    )  # fmt: skip
    assert [(blog.home, blog.routed) for blog in blogs] == [
        ("https://ada.blog", None), ("https://x.org/b", True), ("https://10.0.0.1:8000", None),
        ("https://bob.example", None),
    ]  # fmt: skip


def test_a_password_goes_to_its_own_blog_alone_and_only_encrypted() -> None:
    told = Settings(_env_file=None, wordpress_passwords=SecretStr("ada.blog=ada:a b c"))  # type: ignore[call-arg]
    header = asking.password_of(told, asking.Blog("https://ada.blog", None))
    assert header == {"Authorization": "Basic YWRhOmEgYiBj"}
    assert asking.password_of(told, asking.Blog("https://bob.example", None)) == {}
    with pytest.raises(ConnectorError, match="without https"):
        asking.password_of(told, asking.Blog("http://ada.blog", None))
    wrong = Settings(_env_file=None, wordpress_passwords=SecretStr("secret"))  # type: ignore[call-arg]
    with pytest.raises(ConnectorError, match="STATURE_WORDPRESS_PASSWORDS") as refused:
        asking.password_of(wrong, asking.Blog("https://ada.blog", None))
    assert "secret" not in str(refused.value)
