"""A service that fails in every way known: no row is lost, none is doubled, and the record says what was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from dlt.sources.helpers.rest_client.paginators import PageNumberPaginator
from pydantic import SecretStr

from orchestration.connectors.client import Client
from orchestration.connectors.exchange import Exchange, TransientFault
from orchestration.connectors.network import Asked, ConnectorError, Credentials
from orchestration.settings import Settings
from tests.fixtures.hostile_server import (
    EVERY_POST,
    Act,
    cut,
    hang,
    hostile,
    html,
    large,
    redirect,
    reset,
    status,
    strange_bytes,
    torn,
)
from tests.fixtures.network_answers import RECEIVED
from tests.fixtures.toy_network import NOW, run, toy


def at(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(NOW + seconds, UTC), usegmt=True)


LIMITS = "the service's limits were reached, and waited for"

PASSING: dict[str, tuple[list[Act | None], list[float | tuple[float, float]], str | None]] = {
    "429 with seconds": ([None, status(429, {"Retry-After": "7"})], [7.0], LIMITS),
    "429 with a date": ([None, status(429, {"Retry-After": at(90)})], [90.0], LIMITS),
    "429 with a date gone by": ([None, status(429, {"Retry-After": at(-90)})], [1.0], LIMITS),
    "429 and not until when": ([None, status(429), status(429)], [1.0, 2.0], LIMITS),
    "429 with a reset": ([None, status(429, {"X-RateLimit-Reset": str(int(NOW) + 30)})], [30.0], LIMITS),
    "429 with Mastodon's reset": (
        [None, status(429, {"X-RateLimit-Reset": (RECEIVED + timedelta(seconds=40)).isoformat()})],
        [40.0],
        LIMITS,
    ),
    "403 for a limit": (
        [None, status(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW) + 20)})],
        [20.0],
        LIMITS,
    ),
    "503 with Retry-After": ([None, status(503, {"Retry-After": "3"})], [3.0], LIMITS),
    "a burst of 500": ([None, status(500), status(502), status(500)], [(1, 2), (2, 3), (4, 5)], None),
    "a hang": ([None, hang], [(1, 2)], None),
    "a torn body": ([None, torn], [(1, 2)], None),
    "a cut body": ([None, cut], [(1, 2)], None),
    "an HTML page": ([None, html], [(1, 2)], None),
    "no answer": ([None, reset], [(1, 2)], None),
    "all at once": ([reset, status(500), html, None, torn], [(1, 2), (2, 3), (4, 5), (1, 2)], None),
}


@pytest.mark.parametrize("fault", PASSING)
def test_a_passing_fault_leaves_no_trace_in_the_rows(fault: str, tmp_path: Path) -> None:
    script, waits, note = PASSING[fault]
    with hostile(*script) as server:
        record = run(server, tmp_path, timeout=0.3 if fault == "a hang" else 5.0)
        assert record.ids == EVERY_POST
        assert [answer.status for answer in record.answers] == [200, 200, 200]
        assert record.outcome.failures == ()
        assert record.outcome.complete
        assert record.outcome.notes == ((note,) if note else ())
        assert len(record.waits) == len(waits)
        for waited, wanted in zip(record.waits, waits, strict=True):
            low, high = wanted if isinstance(wanted, tuple) else (wanted, wanted)
            assert low <= waited <= high
        assert len(server.asked) == 3 + sum(act is not None for act in script)


@pytest.mark.parametrize(
    ("fault", "told", "status_kept"),
    [
        (status(500), "the list: posts: the service answered 500", 500),
        (html, "the list: posts: an HTML page came with status 200", 200),
        (cut, "the list: posts: a body that is no whole JSON came with status 200", 200),
        (torn, "the list: posts: the body is torn", None),
        (reset, "the list: posts: no connection", None),
    ],
)
def test_a_lasting_fault_is_recorded_and_the_rest_stays(
    fault: Act, told: str, status_kept: int | None, tmp_path: Path
) -> None:
    with hostile(None, *[fault] * 5) as server:
        record = run(server, tmp_path)
        assert record.ids == EVERY_POST[:2]
        assert record.outcome.failures == (told,)
        # What the service failed to give is asked for again on the days after.
        assert not record.outcome.complete
        assert record.outcome.missed is None
        assert [a.status for a in record.answers] == [200, *([status_kept] if status_kept else [])]
        # And by the same day's next try: what was had is not asked for once more.
        server.script.clear()
        asked = len(server.asked)
        again = run(server, tmp_path)
        assert again.ids == EVERY_POST
        assert again.outcome.complete
        assert len(server.asked) - asked == 2


def test_what_is_not_there_is_recorded_and_not_asked_for_again(tmp_path: Path) -> None:
    with hostile(None, status(404)) as server:
        record = run(server, tmp_path)
        assert (record.ids, record.outcome.complete) == (EVERY_POST[:2], True)
        assert record.outcome.failures == ("the list: posts: the service answered 404",)
        again = run(server, tmp_path)
        assert again.outcome.failures == record.outcome.failures
        assert len(server.asked) == 2


def test_a_service_that_is_down_is_told_from_one_page_that_is(tmp_path: Path) -> None:
    def many(client: Client, asked: Asked) -> None:
        for number in range(10):
            with client.apart(f"page {number}"):
                client.get("posts", "posts", {"n": number})

    with hostile(*[status(500)] * 99) as server:
        record = run(server, tmp_path, toy(server, pull=many))
        assert record.outcome.missed == "toy is down: posts: the service answered 500."
        assert len(server.asked) == 15


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (
            [None, status(429, {"Retry-After": "7200"})],
            "toy wants no requests until 2026-03-11 04:00:00+00:00, which is longer than "
            "STATURE_PULL_PATIENCE (960 seconds) allows.",
        ),
        ([None, *[status(429, {"Retry-After": "1"})] * 11], "toy refused posts 11 times for its limits, "),
    ],
)
def test_patience_has_an_end_and_the_pull_goes_on_there(
    script: list[Act | None], told: str, tmp_path: Path
) -> None:
    with hostile(*script) as server:
        record = run(server, tmp_path)
        assert (record.outcome.missed or "").startswith(told)
        asked = len(server.asked)
        assert run(server, tmp_path).ids == EVERY_POST
        assert len(server.asked) - asked == 2  # the first page is in the journal


@pytest.mark.parametrize(
    "headers",
    [
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW) + 50)},
        {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(int(NOW) + 50)},
        {"RateLimit-Remaining": "0", "RateLimit-Reset": str(int(NOW) + 50)},
        {"ratelimit-remaining": "0", "ratelimit-reset": "50"},
        {"RateLimit": '"hour";r=0;t=50'},
    ],
)
def test_limits_are_kept_before_they_are_reached(headers: dict[str, str], tmp_path: Path) -> None:
    with hostile() as server:
        server.headers = headers
        record = run(server, tmp_path)
        assert record.ids == EVERY_POST
        assert record.waits == [50.0, 50.0]
        assert record.outcome.notes == ("waited for the service's limits before they were reached",)


def test_a_limit_of_another_endpoint_holds_nobody_up(tmp_path: Path) -> None:
    def two(client: Client, asked: Asked) -> None:
        client.get("one", "posts", {"n": 1})
        client.get("two", "posts", {"n": 2})
        client.get("one", "posts", {"n": 3})

    with hostile() as server:
        server.headers = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(int(NOW) + 50)}
        assert run(server, tmp_path, toy(server, pull=two)).waits == [50.0]


def test_a_cursor_that_comes_back_ends_the_list(tmp_path: Path) -> None:
    with hostile() as server:
        server.pages["c2"] = (["p5", "p6"], "c1")
        record = run(server, tmp_path)
        assert record.ids == EVERY_POST
        assert record.outcome.notes == ("posts: a cursor came back, and the list ends there",)
        assert len(server.asked) == 3


def test_a_list_that_never_ends_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.connectors.client.MOST_PAGES", 5)
    with hostile() as server:
        server.pages = {"" if n == 0 else f"c{n}": ([f"p{n}"], f"c{n + 1}") for n in range(9)}
        record = run(server, tmp_path)
        assert len(record.ids) == 5
        assert record.outcome.notes == ("posts: the list has more than 5 pages, and ends there",)


def test_a_page_that_changes_while_paging_loses_nothing(tmp_path: Path) -> None:
    """A new post moves all others down: what is seen twice has the same id, and conform counts it once."""

    def numbered(client: Client, asked: Asked) -> None:
        pages = PageNumberPaginator(base_page=1, page_param="cursor", total_path=None)
        for _ in client.pages("posts", "posts", paginator=pages, items="posts"):
            pass

    with hostile() as server:
        server.pages = {
            "1": (["p2", "p3"], None),
            "2": (["p3", "p4"], None),
            "3": (["p5", "p6"], None),
            "4": ([], None),
        }
        record = run(server, tmp_path, toy(server, pull=numbered))
        assert record.ids == ["p2", "p3", "p3", "p4", "p5", "p6"]
        assert record.outcome.complete


def test_a_redirect_to_another_host_is_refused(tmp_path: Path) -> None:
    with hostile() as other, hostile(None, redirect(f"{other.url}/posts?cursor=c1")) as server:
        module = toy(server, credentials=lambda _: Credentials({"Authorization": "Bearer secret"}))
        record = run(server, tmp_path, module)
        assert other.asked == []
        assert record.ids == EVERY_POST[:2]
        assert record.outcome.failures == (
            "the list: posts: redirected to another host, which is not followed",
        )


def test_a_redirect_on_the_same_host_is_followed_and_not_in_circles(tmp_path: Path) -> None:
    with hostile(None, redirect("/posts?cursor=c1")) as server:
        assert run(server, tmp_path).ids == EVERY_POST
    (tmp_path / "toy.jsonl").unlink()
    with hostile(*[redirect("/posts")] * 9) as server:
        assert run(server, tmp_path).outcome.failures == ("the list: posts: redirected in circles",)


def expiring(*tokens: str) -> Callable[[Settings], Credentials]:
    left = list(tokens)
    return lambda _: Credentials({"Authorization": f"Bearer {left.pop(0)}"})


def change_token(token: str) -> Act:
    def act(handler: Any) -> None:
        handler.server.token = token
        handler.send(401, b'{"error": "expired"}')

    return act


def test_a_token_that_expires_is_renewed_once(tmp_path: Path) -> None:
    with hostile(None, change_token("new")) as server:
        module = toy(server, credentials=expiring("old"), renew=expiring("new"))
        record = run(server, tmp_path, module)
        assert record.ids == EVERY_POST
        assert record.outcome.notes == ("the token was renewed",)
        assert [token for _, token in server.asked] == [
            "Bearer old", "Bearer old", "Bearer new", "Bearer new"
        ]  # fmt: skip


@pytest.mark.parametrize("renewing", [True, False])
def test_a_token_that_stays_refused_names_the_setting(renewing: bool, tmp_path: Path) -> None:
    with hostile(None, change_token("another")) as server:
        more = {"renew": expiring("neither")} if renewing else {}
        module = toy(server, credentials=expiring("old"), **more)
        with pytest.raises(ConnectorError, match="toy refuses the token: renew STATURE_X_TOKEN"):
            run(server, tmp_path, module, x_token=SecretStr("old"))
        assert "old" not in (tmp_path / "toy.jsonl").read_text()


def test_who_is_refused_without_a_token_is_told_of_the_setting(tmp_path: Path) -> None:
    with hostile(status(401)) as server:
        assert run(server, tmp_path).outcome.failures == (
            "the list: posts: the service answered 401, and may want STATURE_X_TOKEN",
        )


def test_secrets_in_addresses_are_not_written_down(tmp_path: Path) -> None:
    with hostile(None, status(404)) as server:
        module = toy(server, credentials=lambda _: Credentials(params={"key": "s3cret"}))
        record = run(server, tmp_path, module)
        assert all("key=s3cret" in path for path, _ in server.asked)
        assert "s3cret" not in (tmp_path / "toy.jsonl").read_text() + str(record)


def test_a_body_that_is_too_large_is_left(tmp_path: Path) -> None:
    with hostile(None, large(1_200_000)) as server:
        record = run(server, tmp_path, pull_max_body_mb=1)
        assert record.outcome.failures == (
            "the list: posts: the body is larger than STATURE_PULL_MAX_BODY_MB (1)",
        )


def test_a_body_that_trickles_is_left(tmp_path: Path) -> None:
    ticks = iter(range(0, 10_000, 100))
    with hostile(large(500_000)) as server:
        settings = Settings(_env_file=None, home=str(tmp_path))
        exchange = Exchange(settings, longest=180.0, clock=lambda: float(next(ticks)))
        with pytest.raises(TransientFault, match="the body did not end in time"):
            exchange.send(requests.Request("GET", f"{server.url}/posts"), Credentials())


def test_bytes_that_are_no_text_reach_the_mapping_as_marks(tmp_path: Path) -> None:
    with hostile(strange_bytes, status(404)) as server:
        record = run(server, tmp_path)
        # A raw NUL is no JSON; nothing of it is guessed.
        assert record.ids == []
        assert record.outcome.failures


def test_the_user_agent_says_who_asks(tmp_path: Path) -> None:
    seen: list[str] = []

    def look(handler: Any) -> None:
        seen.append(handler.headers["User-Agent"])
        handler.send(200, b'{"posts": []}')

    with hostile(look) as server:
        run(server, tmp_path, contact="ada@example.org")
        assert seen[0].startswith("Stature/")
        assert seen[0].endswith("(ada@example.org)")
