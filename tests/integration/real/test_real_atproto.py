"""A real AT Protocol network: what people do through its own API is what is pulled, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestration.connectors import bluesky, pulling
from orchestration.connectors.answers import Answer, Refused, Row
from orchestration.connectors.journal import Journal
from orchestration.connectors.network import Asked, Watched
from orchestration.settings import Settings
from tests.integration.real.atproto_network import Member, Network, running

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with running(tmp_path_factory.mktemp("atproto")) as found:
        yield found


def pull(network: Network, folder: Path, since: datetime, *who: str, **more: Any) -> list[Row]:
    """What the connector reads of all that happened since then."""
    settings = Settings(_env_file=None, home=str(folder), bluesky_url=network.reading, **more)
    until = since + timedelta(days=1)
    folder.mkdir(exist_ok=True)
    with Journal(folder / "journal.jsonl", datetime.now(UTC)) as journal:
        client = pulling.make_client(bluesky, settings, journal)
        watched = tuple(Watched("bluesky", handle, None, "watch") for handle in who)
        asked = Asked(since.date(), since, until, watched, 7, settings)
        outcome = pulling.pull(bluesky, client, asked)
        answers: list[Answer] = [entry.answer for entry in journal.entries()]
    assert (outcome.failures, outcome.missed) == ((), None)
    read = pulling.reading(settings, since.date(), since, until)
    found = [row for answer in answers for row in bluesky.rows(answer, read)]
    assert [row for row in found if isinstance(row, Refused)] == []
    return [row for row in found if isinstance(row, Row)]


def activities(rows: list[Row]) -> dict[str, tuple[Any, ...]]:
    """Kind, actor, target, content and topics by id; what is seen twice is the same."""
    found: dict[str, tuple[Any, ...]] = {}
    for row in rows:
        if row.table == "activities":
            names = ("kind", "actor_account_id", "target_account_id", "content_id", "topics")
            told = tuple(tuple(v) if isinstance(v := row.values[name], list) else v for name in names)
            assert found.setdefault(row.values["activity_id"], told) == told
    return found


def test_what_people_do_is_what_is_pulled(network: Network, tmp_path: Path) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    ada, bo, cy, dee = (network.member(name) for name in ("ada", "ben", "cleo", "dora"))
    ada.profile("Ada Garden", description="words about me")
    dee.profile("Dee", labels=_hiding())
    named = "Hello @ben.test, look at my tomatoes #Gardening"
    first = ada.post(
        named, facets=[_mark(named, "@ben.test", _named(bo)), _mark(named, "#Gardening", _tag("Gardening"))]
    )
    second, gone = ada.post("Another day, another post"), ada.post("A mistake")
    answer = bo.reply("What a harvest", first)
    shown = cy.quote("Everybody should see this", first)
    back = ada.reply("Thank you", answer)
    bos = bo.post("My own words")
    for who, post in ((bo, first), (cy, first), (dee, first), (bo, second), (ada, bos), (cy, gone)):
        who.like(post)
    cy.repost(first)
    ada.repost(bos)
    for who, other in ((bo, ada), (cy, ada), (ada, cy), (dee, ada)):
        who.follow(other)
    ada.delete(gone)
    network.settle()

    rows = pull(network, tmp_path / "one", since, "ada.test", "nobody.test")
    garden = ("gardening",)
    expected = {
        first["uri"]: ("post", ada.did, None, first["uri"], garden),
        f"mention:{first['uri']}:{bo.did}": ("mention", ada.did, bo.did, None, garden),
        second["uri"]: ("post", ada.did, None, second["uri"], ()),
        answer["uri"]: ("reply", bo.did, ada.did, first["uri"], ()),
        shown["uri"]: ("quote", cy.did, ada.did, first["uri"], ()),
        back["uri"]: ("reply", ada.did, bo.did, answer["uri"], ()),
        **{
            f"like:{post['uri']}:{who.did}": ("like", who.did, ada.did, post["uri"], ())
            for who, post in ((bo, first), (cy, first), (bo, second))
        },
        f"repost:{first['uri']}:{cy.did}": ("repost", cy.did, ada.did, first["uri"], ()),
        f"repost:{bos['uri']}:{ada.did}": ("repost", ada.did, bo.did, bos["uri"], ()),
        **{
            f"follow:{who.did}:{other.did}:{since.date()}": ("follow", who.did, other.did, None, ())
            for who, other in ((bo, ada), (cy, ada), (ada, cy))
        },
        # Passed on by Ada, and so seen in her feed.
        bos["uri"]: ("post", bo.did, None, bos["uri"], ()),
    }  # fmt: skip
    assert activities(rows) == expected

    accounts = {row.values["account_id"]: row.values for row in rows if row.table == "accounts"}
    assert {account: values["handle"] for account, values in accounts.items()} == {
        who.did: who.handle for who in (ada, bo, cy)
    }
    profiles = [row.values for row in rows if row.table == "accounts" and row.values.get("posts") is not None]
    assert [(p["display_name"], p["followers"], p["following"], p["posts"]) for p in profiles] == [
        ("Ada Garden", 3, 1, 3)
    ]
    assert activities(pull(network, tmp_path / "two", since, "ada.test", "nobody.test")) == expected
    assert "tomatoes" not in (tmp_path / "one" / "journal.jsonl").read_text()


def test_pages_are_followed_to_their_end(network: Network, tmp_path: Path) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    eve = network.member("eve")
    posts = [eve.post(f"Post {number}") for number in range(120)]
    network.settle()
    found = activities(pull(network, tmp_path / "eve", since, "eve.test"))
    assert set(found) == {post["uri"] for post in posts}


def _hiding() -> dict[str, Any]:
    """What somebody writes into the profile to be shown to members alone."""
    values = [{"val": "!no-unauthenticated"}]
    return {"$type": "com.atproto.label.defs#selfLabels", "values": values}


def _mark(text: str, part: str, feature: dict[str, str]) -> dict[str, Any]:
    start = text.encode().index(part.encode())
    return {"index": {"byteStart": start, "byteEnd": start + len(part.encode())}, "features": [feature]}


def _named(member: Member) -> dict[str, str]:
    return {"$type": "app.bsky.richtext.facet#mention", "did": member.did}


def _tag(tag: str) -> dict[str, str]:
    return {"$type": "app.bsky.richtext.facet#tag", "tag": tag}
