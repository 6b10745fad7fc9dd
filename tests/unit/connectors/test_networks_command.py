"""`stature networks`, `stature replay`: what the user is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from orchestration.commands.networks import NetworkState, networks, page
from orchestration.commands.replay import replay, told
from orchestration.commands.warehouse import CommandError
from orchestration.connectors import bluesky, registry
from orchestration.connectors.network_landing import land_network
from orchestration.connectors.reports import Landing
from orchestration.connectors.watch import change
from orchestration.settings import Settings
from spark_jobs.lake import Lake
from tests.fixtures.network_answers import DAY, RECEIVED
from tests.fixtures.replay_server import recorded, serving

HEALTH = {"url": "https://public.api.bsky.app/xrpc/_health", "status": 200, "body": {"version": "1"}}


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    with serving([HEALTH, *recorded("bluesky")]) as server:
        yield Settings(_env_file=None, home=str(tmp_path), networks=("bluesky",), bluesky_url=server.url)


def shown(states: list[NetworkState]) -> str:
    console = Console(width=250, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(page(states))
    return console.export_text()


def test_every_network_says_what_it_lacks(settings: Settings) -> None:
    states = {state.name: state for state in networks(settings)}
    assert set(states) == set(registry.CONNECTORS)
    assert states["mastodon"].missing == ("STATURE_MASTODON_URL",)
    assert states["x"].missing == ("STATURE_X_TOKEN",)
    assert [name for name, state in states.items() if state.runs] == ["bluesky"]
    assert all(state.history and state.proof for state in states.values())
    text = shown(list(states.values()))
    assert "STATURE_X_TOKEN" in text
    assert "answers" not in text.splitlines()[0]


def test_a_check_asks_each_configured_network_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = {name: registry.CONNECTORS[name] for name in ("bluesky", "sample", "x")}
    monkeypatch.setattr("orchestration.commands.networks.CONNECTORS", some)
    states = {state.name: state for state in networks(settings, check=True)}
    assert states["bluesky"].answer == "public reading without an account; the service is version 1"
    assert states["bluesky"].answered
    assert (states["x"].answer, states["x"].answered) == ("", False)
    gone = settings.model_copy(update={"bluesky_url": settings.bluesky_url + "/nowhere"})
    states = {state.name: state for state in networks(gone, check=True)}
    assert states["bluesky"].answer == "health: the service answered 404"
    assert not states["bluesky"].answered
    assert "health: the service answered 404" in shown(list(states.values()))
    monkeypatch.setattr(bluesky, "check", lambda client: client.get("health", "xrpc/_health").json()["none"])
    assert not networks(settings, check=True)[0].answered


def test_a_mended_mapping_is_replayed_without_asking(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(settings.home)
    change(settings.home, "add", [("bluesky", "ada.example"), ("bluesky", "gone.example")], RECEIVED)
    days = (DAY, DAY + timedelta(days=1))
    landing = Landing(settings, lake, "bluesky", days, DAY, "run")
    land_network(landing, bluesky, wait=lambda _: None, clock=(RECEIVED + timedelta(days=1)).timestamp)
    lake.commit("ledger_digest", DAY, [], "run")
    silent = settings.model_copy(update={"bluesky_url": "http://127.0.0.1:9"})
    same = replay(silent, "bluesky", DAY, DAY + timedelta(days=9))
    assert [(day.day, day.differs, day.published) for day in same] == [
        (days[0], False, True),
        (days[1], False, False),
    ]
    assert told("bluesky", same) == ["2 days of bluesky mapped again, 0 of them differ."]

    real = bluesky.rows

    def without_likes(answer: Any, reading: Any) -> Iterator[Any]:
        return (row for row in real(answer, reading) if getattr(row, "values", {}).get("kind") != "like")

    monkeypatch.setattr(bluesky, "rows", without_likes)
    (changed,) = replay(silent, "bluesky", DAY, DAY)
    assert (changed.before["activities"], changed.after["activities"]) == (18, 15)
    counted = "4 accounts, 15 activities, 1 deletions, before: 4 accounts, 18 activities, 1 deletions"
    assert told("bluesky", [changed]) == [
        f"{DAY}: {counted}; 2 things refused",
        "1 days of bluesky mapped again, 1 of them differ.",
        f"{DAY} is published. To publish what changed, as a new revision: "
        f'stature restate --day {DAY} --reason "…"',
    ]


@pytest.mark.parametrize(
    ("network", "last", "message"),
    [
        ("moon", DAY, "There is no network 'moon'"),
        ("sample", DAY, "sample is not asked for anything"),
        ("bluesky", DAY, "No answers of bluesky are stored"),
        ("bluesky", DAY - timedelta(days=1), "The days end before they begin"),
    ],
)
def test_what_cannot_be_replayed_is_said(network: str, last: Any, message: str, settings: Settings) -> None:
    with pytest.raises(CommandError, match=message):
        replay(settings, network, DAY, last)
