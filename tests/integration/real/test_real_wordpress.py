"""A real WordPress, filled through its own interfaces and pulled with the connector, row by row."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from orchestration.connectors import pulling
from orchestration.connectors import wordpress as connector
from orchestration.connectors.answers import Answer, Refused, Row
from orchestration.connectors.client import Client
from orchestration.connectors.journal import Journal
from orchestration.connectors.network import Asked
from orchestration.settings import Settings
from tests.integration.real.wordpress_server import WordPress, wordpress

pytestmark = pytest.mark.real

TODAY = datetime.now(UTC).date()
DAY = TODAY - timedelta(days=2)
WORD = "long enough: 83 steps"
POSTS = 130
"""More than one page of the API."""


class World:
    """What was made, by the ids that WordPress gave it, as the rows that should come of it."""

    def __init__(self, blog: WordPress) -> None:
        self.blog = blog
        self.rows: list[tuple[Any, ...]] = []
        self.users = {"ada": 1}
        for name in ("bob", "cleo"):
            made = blog.call(
                "POST", "users", username=name, email=f"{name}@blog.test", password=WORD,
                roles=["author"], name=f"{name.title()} of the blog",
            )  # fmt: skip
            self.users[name] = made["id"]

    def user(self, name: str) -> str:
        return f"{self.blog.site}/u{self.users[name]}"

    def post(self, author: str, at: datetime, title: str, content: str = "", **more: Any) -> str:
        """Write a post, and expect its row if it is public and of the day; its id."""
        made = self.blog.call(
            "POST", "posts", **{"status": "publish"} | more, title=title, content=content,
            author=self.users[author], date_gmt=at.strftime("%Y-%m-%dT%H:%M:%S"),
        )  # fmt: skip
        own = f"{self.blog.site}/p{made['id']}"
        if not more.keys() & {"status", "password"}:
            self._expect(at, "post", own, self.user(author), None, own)
        return own

    def comment(
        self, at: datetime, place: str, target: str | None, by: str | None = None, **said: Any
    ) -> str:
        """Comment on a post, as a user or as a guest, and let the owner approve it; its id.

        Nothing is expected where `target` is None.
        """
        post, _, parent = place.partition("/c")
        given = {"post": int(post.rpartition("/p")[2]), "content": "What a piece", **said}
        given |= {"parent": int(parent)} if parent else {}
        given |= {"author": self.users[by]} if by else {}
        made = self.blog.call("POST", "comments", guest=by is None, **given)
        stamp = at.strftime("%Y-%m-%dT%H:%M:%S")
        status = "approved" if target else "hold"
        self.blog.call("POST", f"comments/{made['id']}", status=status, date_gmt=stamp)
        own = f"{self.blog.site}/c{made['id']}"
        if target:
            actor = (
                self.user(by) if by else f"guest:{said['author_url'].removeprefix('https://').rstrip('/')}"
            )
            answered = f"{self.blog.site}/c{parent}" if parent else post
            self._expect(at, "reply", own, actor, target, answered)
        return own

    def expect_mention(self, at: datetime, own: str, actor: str, target: str) -> None:
        self._expect(at, "mention", own, actor, target, None)

    def _expect(self, at: datetime, *row: Any) -> None:
        if at.date() == DAY:
            self.rows.append((*row, at))


def at(hour: int, minute: int = 0, days: int = 0) -> datetime:
    return datetime.combine(DAY, datetime.min.time(), UTC) + timedelta(days=days, hours=hour, minutes=minute)


@dataclass(frozen=True)
class Pulled:
    """What a pull recorded, and the rows and refusals that the mapping finds in it."""

    client: Client
    answers: list[Answer]
    found: list[Row | Refused]

    def table(self, name: str) -> list[dict[str, Any]]:
        return [dict(row.values) for row in self.found if isinstance(row, Row) and row.table == name]

    @property
    def refused(self) -> list[Refused]:
        return [row for row in self.found if isinstance(row, Refused)]


def pulled(
    blog: WordPress, folder: Path, place: str = "", word: SecretStr | None = None, day: date = DAY
) -> Pulled:
    """Pull as the framework does; what is journaled in `folder` is not asked for again."""
    given = {"home": str(folder), "wordpress_urls": (blog.url + place,), "wordpress_passwords": word}
    settings = Settings(_env_file=None, **given)  # type: ignore[arg-type, call-arg]
    since, until = pulling.midnight(day), pulling.midnight(day + timedelta(days=1))
    with Journal(folder / "journal.jsonl", datetime.now(UTC)) as journal:
        client = pulling.make_client(connector, settings, journal)
        outcome = pulling.pull(connector, client, Asked(day, since, until, (), 7, settings))
        assert outcome.missed is None
        answers = [entry.answer for entry in journal.entries() if entry.answer.ok]
    reading = pulling.reading(settings, day, since, until)
    return Pulled(client, answers, [row for answer in answers for row in connector.rows(answer, reading)])


def rows_of(found: Pulled) -> list[tuple[Any, ...]]:
    names = ("kind", "activity_id", "actor_account_id", "target_account_id", "content_id", "occurred_at")
    return sorted((tuple(row[name] for name in names) for row in found.table("activities")), key=str)


@contextmanager
def another_blog(link: str) -> Iterator[str]:
    """A page on another host of this machine, which links to a post."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = f"<title>Eve</title><body><p>See <a href='{link}'>this</a> now.</p></body>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            """Nothing: pytest's output is for failures."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/about-ada"
        finally:
            server.shutdown()


def test_a_real_blog(tmp_path: Path) -> None:
    with wordpress(tmp_path) as blog:
        # The zone that is furthest from UTC: the blog's own days are not ours.
        requests_made = blog.call("POST", "settings", timezone="Pacific/Kiritimati")
        assert requests_made["timezone"] == "Pacific/Kiritimati"
        world = World(blog)
        tag = blog.call("POST", "tags", name="Women\u2019s Football")["id"]
        first = world.post("ada", at(0), "Gardening at midnight", "<p>From the first second</p>", tags=[tag])
        world.post("bob", at(23, 59), "The last minute")
        world.post("ada", at(23, 59, days=-1), "The day before")
        world.post("ada", at(0, days=1), "The day after")
        world.post("ada", at(12), "A draft", status="draft")
        world.post("ada", at(12), "Private", status="private")
        world.post("ada", at(12), "Behind a word", password=WORD)
        for number in range(POSTS):
            world.post("cleo", at(1, number % 60) + timedelta(seconds=number), f"Note {number}")
        old = world.post("bob", at(12, days=-60), "An old one")

        reply = world.comment(at(10), first, world.user("ada"), by="bob")
        dan = world.comment(
            at(10, 5), f"{first}{reply.removeprefix(blog.site)}", world.user("bob"),
            author_name="Dan", author_email="dan@mail.test", author_url="https://dan.example/me/",
        )  # fmt: skip
        world.comment(at(10, 9), f"{first}{dan.removeprefix(blog.site)}", "guest:dan.example/me", by="ada")
        guest = {"author_name": "Eve", "author_email": "eve@mail.test", "author_url": "https://eve.example"}
        world.comment(at(11), old, world.user("bob"), **guest)
        world.comment(at(11, days=-1), first, world.user("ada"), by="cleo", content="Another day")
        world.comment(at(11, 30), first, None, **guest, content="Waits for approval")
        post = blog.call("GET", f"posts/{first.rpartition('/p')[2]}")
        with another_blog(post["link"]) as source:
            blog.pingback(source, post["link"])
            page = source.removeprefix("http://").partition("/")[0]
        (ping,) = blog_comments(blog, type="pingback", status="hold")
        stamp = at(13).strftime("%Y-%m-%dT%H:%M:%S")
        blog.call("POST", f"comments/{ping['id']}", status="approved", date_gmt=stamp)
        world.expect_mention(at(13), f"{blog.site}/c{ping['id']}", page, world.user("ada"))

        # As it is installed, the API lies under ?rest_route=; with readable addresses, under /wp-json too.
        expected = sorted(world.rows, key=str)
        assert len(expected) == POSTS + 2 + 4 + 1
        under_route = pulled(blog, tmp_path / "plain")
        # Pingbacks are shown to nobody but those who may moderate.
        assert rows_of(under_route) == [row for row in expected if row[0] != "mention"]
        assert under_route.refused == []
        blog.pretty()
        word = SecretStr(f"{blog.site}=ada:{blog.word}")
        found = pulled(blog, tmp_path / "pretty", "/wp-json", word)
        assert rows_of(found) == expected
        assert found.refused == []
        assert [a.endpoint for a in found.answers].count("posts") == 2
        (told,) = (row for row in found.table("activities") if row["activity_id"] == first)
        assert told["topics"] == ["women s football", "gardening"]
        accounts = {row["account_id"]: row for row in found.table("accounts")}
        assert accounts[world.user("bob")]["handle"] == f"{blog.site}/bob"
        assert accounts[world.user("bob")]["display_name"] == "Bob of the blog"
        assert accounts["guest:dan.example/me"]["display_name"] == "Dan"
        assert accounts[blog.site]["display_name"] == "A real blog"

        stored = "".join(answer.body for answer in found.answers)
        for gone in ("mail.test", "gravatar", "first second", "What a piece", "Behind a word", WORD, "Waits"):
            assert gone not in stored
        wrong = SecretStr(f"{blog.site}=ada:wrong")
        as_guest = pulled(blog, tmp_path / "wrong", "/wp-json", wrong)
        assert rows_of(as_guest) == rows_of(under_route)
        refused = [text for text in as_guest.client.failures if "STATURE_WORDPRESS_PASSWORDS" in text]
        assert len(refused) == 2

        # What is behind the journal: a pull that was stopped goes on, one of another day is another one.
        assert pulled(blog, tmp_path / "pretty", "/wp-json", word).client.asked == 0
        assert {row[1] for row in rows_of(pulled(blog, tmp_path / "next", day=DAY + timedelta(days=1)))} == {
            f"{blog.site}/p{int(first.rpartition('/p')[2]) + 3}"
        }
        assert_described(blog)


def blog_comments(blog: WordPress, **params: str) -> list[dict[str, Any]]:
    answer = requests.get(
        f"{blog.url}/", params={"rest_route": "/wp/v2/comments", **params}, headers=blog.login, timeout=60
    )
    return list(answer.json())


def assert_described(blog: WordPress) -> None:
    """The service's own schema has every field that the mapping reads, with its type."""
    for endpoint, fields in connector.FIELDS.items():
        described = requests.options(f"{blog.url}/wp-json/wp/v2/{endpoint}", timeout=60).json()["schema"][
            "properties"
        ]
        for name, expected in fields.items():
            types = described[name]["type"]
            assert expected in (types if isinstance(types, list) else [types]), name
