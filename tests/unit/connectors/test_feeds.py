"""Feeds of every form: posts, and links from one followed blog to another."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.connectors import feeds
from orchestration.connectors.answers import Answer, Row, Unreadable
from orchestration.connectors.client import ConnectorError
from orchestration.connectors.feed_forms import read_feed
from orchestration.connectors.feeds import Followed
from orchestration.connectors.network import Asked, Watched
from orchestration.settings import Settings
from tests.fixtures.expected_rows import Expected
from tests.fixtures.network_answers import DAY, assert_well_formed, fixture, reading, reduce, refusals, table
from tests.fixtures.pulled import pulling
from tests.fixtures.replay_server import recorded

FEED = Expected("feeds")
ANSWERS = fixture("feeds")


def mapped(answer: Answer) -> list[Any]:
    return list(feeds.rows(answer, reading()))


def test_rss() -> None:
    rows, own = mapped(ANSWERS[0]), "ada.blog#https://ada.blog/?p=12"
    # The feed says that it is of another blog: its own address decides.
    assert table(rows, "accounts") == [
        FEED.account("ada.blog", "ada.blog", display_name="Ada\u2019s blog", language="en-GB")
    ]
    assert table(rows, "activities") == [
        FEED.act("08:30", "post", own, "ada.blog", None, own, "cooking", "football"),
        # Twice linked is once named; links to oneself and to strangers name nobody.
        FEED.act("08:30", "mention", f"mention:{own}:bob.example", "ada.blog", "bob.example", None,
                 "cooking", "football"),
    ]  # fmt: skip
    assert refusals(rows) == [
        ("null_required", "feed: entry[2]: date"),
        ("null_required", "feed: entry[3]: id and link"),
    ]


def test_atom() -> None:
    rows, own, cleo = mapped(ANSWERS[1]), "bob.example#tag:bob.example,2026:1", "medium.example/@cleo"
    assert table(rows, "accounts") == [FEED.account("bob.example", "bob.example", display_name="Bob")]
    assert table(rows, "activities") == [
        FEED.act("18:00", "post", own, "bob.example", None, own, "gardening"),
        FEED.act("18:00", "mention", f"mention:{own}:{cleo}", "bob.example", cleo, None, "gardening"),
    ]


def test_json_feed() -> None:
    rows, cleo = mapped(ANSWERS[2]), "medium.example/@cleo"
    own = f"{cleo}#7"
    assert table(rows, "accounts") == [FEED.account(cleo, cleo, display_name="Cleo")]
    assert table(rows, "activities") == [
        FEED.act("23:00", "post", own, cleo, None, own, "football"),
        FEED.act("23:00", "mention", f"mention:{own}:ada.blog", cleo, "ada.blog", None, "football"),
    ]
    assert refusals(rows) == [("null_required", "feed: entry[2]: date")]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (ANSWERS[3].body, "bad_type"),
        ("", "bad_type"),
        ("{", "bad_json"),
        ('{"items": []}', "bad_type"),
        ("<rss>" + " " * 8_000_000, "too_long"),
    ],
)
def test_what_is_no_feed_is_refused(body: str, reason: str) -> None:
    refused = mapped(replace(ANSWERS[0], body=body))
    assert [row.reason for row in refused] == [reason]
    assert feeds.kept(replace(ANSWERS[0], body=body), reduce).body in {"", "{"}


def test_what_is_stored_is_without_text_and_strangers() -> None:
    stored = feeds.kept(ANSWERS[0], reduce)
    for gone in ("season", "Short", "again", "nobody.example"):
        assert gone not in stored.body
    assert json.loads(stored.about["blogs"]) == ["ada.blog", "bob.example"]


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(ANSWERS), st.data())
def test_no_damage_makes_it_stumble(answer: Answer, data: st.DataObject) -> None:
    body = answer.body
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(body)))
        end = data.draw(st.integers(start, min(len(body), start + 40)))
        piece = data.draw(
            st.sampled_from(["", "<", ">", "&", "]]>", '"', "\x00", "<item>", "&#xD800;", "null", "{}"])
        )
        body = body[:start] + piece + body[end:]
    damaged = replace(answer, body=body)
    assert_well_formed(feeds.rows(damaged, reading()))
    assert list(feeds.rows(feeds.kept(damaged, reduce), reading())) == list(feeds.rows(damaged, reading()))


def test_entities_neither_grow_nor_reach_a_file() -> None:
    growing = "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefghi", "bcdefghij", strict=True)
    )
    told = f'<!ENTITY a "aaaaaaaaaa">{growing}<!ENTITY f SYSTEM "file:///etc/passwd">'
    body = (
        f'<?xml version="1.0"?><!DOCTYPE r [{told}]><rss version="2.0"><channel><title>&j;</title>'
        "<item><title>&f;</title><guid>1</guid></item></channel></rss>"
    )
    feed = read_feed(body)
    assert len(feed.title or "") < 100
    assert "root:" not in str(feed)


@pytest.mark.parametrize(
    "piece", ["<", "<div>", "&", "<![CDATA[", "<!--", "<?xml ", '<!DOCTYPE a [<!ENTITY b "']
)
def test_hostile_pieces_are_read_in_time(piece: str) -> None:
    with suppress(Unreadable):
        read_feed('<rss version="2.0"><channel><title>' + piece * (60_000 // len(piece)))


def test_a_long_id_is_shortened_and_stays_its_own() -> None:
    items = [{"id": letter * 600, "date_published": f"{DAY}T10:00:00Z"} for letter in "ab"]
    body = json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items})
    first, second = table(mapped(replace(ANSWERS[2], body=body)), "activities")
    assert len(first["activity_id"]) < 100
    assert first["activity_id"] != second["activity_id"]


# --- which feeds ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "blog"),
    [
        ("https://www.ada.blog/feed/", "ada.blog"),
        ("https://ada.blog/index.xml", "ada.blog"),
        ("http://ada.blog/feeds/posts/default", "ada.blog"),
        ("https://example.org/blog/rss.xml", "example.org/blog"),
        ("https://medium.com/feed/@ada", "medium.com/@ada"),
        ("https://example.org/videos.xml?channel=7", "example.org/videos.xml?channel=7"),
    ],
)
def test_the_address_of_a_feed_tells_the_blog(url: str, blog: str) -> None:
    assert feeds.blog_of(url) == blog


def test_feeds_come_from_addresses_lists_and_opml(tmp_path: Path) -> None:
    listed, opml = tmp_path / "feeds.txt", tmp_path / "feeds.opml"
    listed.write_text("# mine\nhttps://ada.blog/feed\n\nHTTPS://feeds.example/x | https://www.x.example/\n")
    opml.write_text(
        '<?xml version="1.0"?><opml version="2.0"><body><outline text="all"><outline type="rss" text="Bob" '
        'xmlUrl="https://feeds.example/bob" htmlUrl="https://bob.example/"/></outline>'
        '<outline xmlUrl="https://ada.blog/feed"/></body></opml>'
    )
    assert feeds.followed([str(listed), str(opml), "https://cleo.example/atom.xml"]) == [
        Followed("https://ada.blog/feed", "ada.blog"),
        Followed("https://feeds.example/x", "x.example"),
        Followed("https://feeds.example/bob", "bob.example"),
        Followed("https://cleo.example/atom.xml", "cleo.example"),
    ]


@pytest.mark.parametrize("content", [None, "ftp://user:secret@ada.blog/feed", "<opml><body>"])
def test_what_names_no_feed_is_said_without_secrets(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "feeds"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConnectorError, match="STATURE_FEEDS") as refused:
        feeds.followed([str(path)])
    assert "secret" not in str(refused.value)


def test_contacts_feeds_are_asked_only_where_they_are_of_the_web() -> None:
    told = Settings(_env_file=None, feeds="https://ada.blog/feed")  # type: ignore[call-arg]
    named = [("watch", "http://10.0.0.1/feed"), ("crm", "bob.example/feed"), ("crm", "http://localhost/feed"),
             ("crm", "bob"), ("reacted", "eve.example/feed"), ("watch", "ada.blog/feed")]  # fmt: skip
    watched = tuple(Watched("feeds", handle, None, origin) for origin, handle in named)
    asked = Asked(DAY, reading().since, reading().until, watched, 7, told)
    assert [feed.url for feed in feeds._asked_for(asked)] == [
        "https://ada.blog/feed", "http://10.0.0.1/feed", "https://bob.example/feed",
    ]  # fmt: skip


def test_a_pull_asks_each_feed_once_and_pulling_again_asks_nothing(tmp_path: Path) -> None:
    lines = [{**line, "url": "/" + line["url"].split("/", 3)[3]} for line in recorded("feeds")]
    told = [f"{{server}}{line['url']}|https://{line['about']['blog']}" for line in lines]
    with pulling(feeds, lines, tmp_path, feeds=[*told, "{server}/nothing"]) as pull:
        first = pull.run()
        expected = [row for answer in ANSWERS for row in mapped(answer)]
        assert first == expected
        assert pull.server.missed == ["/nothing"]
        assert len(pull.client.failures) == 1
        assert pull.run() == first
        assert sum(pull.server.calls.values()) == len(lines) + 1
        assert feeds.check(pull.client) == "Ada\u2019s blog, 4 entries"
        assert isinstance(first[0], Row)
