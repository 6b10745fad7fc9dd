"""What each network's module must hold to, whatever its service: told once here, and proved for every one.

A network needs a fixture, `tests/fixtures/answers/<network>.jsonl`, and a line in PULLS.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from orchestration.connectors.answers import Row
from orchestration.connectors.network import Network
from orchestration.connectors.registry import CONNECTORS
from tests.fixtures.damaged_bodies import mutated
from tests.fixtures.network_answers import assert_well_formed, damaged, fixture, reading, same_when_kept
from tests.fixtures.pulled import pulling
from tests.fixtures.replay_server import recorded


@dataclass(frozen=True)
class Pull:
    """How the fixture is pulled. `host`: what its addresses begin with, where the service may be anywhere."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    handles: tuple[str, ...] = ()
    host: str = ""


GRAPH = {"facebook_url": "{server}", "facebook_token": "t0ken"}
PULLS = {
    "bluesky": Pull(handles=("ada.example", "did:plc:ben")),
    "discourse": Pull(handles=("Ada@forum.example",)),
    "facebook": Pull(GRAPH, ("bob.garden",)),
    "github": Pull({"github_token": "t0ken"}, ("ada",)),
    "hackernews": Pull({"hackernews_users_url": "{server}"}, ("Ada",)),
    "instagram": Pull(GRAPH, ("bob.garden",)),
    "linkedin": Pull({"linkedin_token": "t0ken", "linkedin_organizations": ["7"]}),
    "mastodon": Pull(handles=("ada@town.example",)),
    "stackexchange": Pull({"stackexchange_url": "{server}/2.3"}, handles=("1@stackoverflow",)),
    "wordpress": Pull({"wordpress_urls": ["{server}/wp-json"]}, host="https://ada.blog"),
    "x": Pull({"x_token": "t0ken"}, ("ada", "nobody")),
    "youtube": Pull({"youtube_key": "k3y"}, ("adagardens", "@Nobody")),
}
NO_JSON = {"feeds"}
"""Its answers are damaged in a way of their own, in test_feeds.py."""

CRMS = {"salesforce", "hubspot", "zendesk"}


def module_of(network: str) -> Any:
    return importlib.import_module(CONNECTORS[network])


def test_every_network_is_held_to_it() -> None:
    asked = {name for name in CONNECTORS if isinstance(getattr(module_of(name), "NETWORK", None), Network)}
    assert {*PULLS, *NO_JSON, *CRMS} == asked


@pytest.mark.parametrize("network", [*PULLS, *NO_JSON])
def test_an_answer_as_it_is_stored_gives_the_same_rows(network: str) -> None:
    module = module_of(network)
    same_when_kept(module.rows, module.kept, fixture(network), reading())


@pytest.mark.parametrize("network", PULLS)
def test_a_damaged_answer_is_refused_and_never_fails(network: str) -> None:
    module = module_of(network)

    @settings(max_examples=80, deadline=None)
    @given(damaged(fixture(network)))
    def holds(answer: Any) -> None:
        found = list(module.rows(answer, reading()))
        assert_well_formed(found)
        assert found == list(module.rows(answer, reading())), "the same answer, other rows"
        stored = list(module.rows(module.kept(answer, str), reading()))
        assert_well_formed(stored)
        assert [row for row in stored if isinstance(row, Row)] == [
            row for row in found if isinstance(row, Row)
        ]

    holds()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("network", PULLS)
def test_a_damaged_answer_stops_no_pull(network: str, seed: int, tmp_path: Path) -> None:
    pull = PULLS[network]
    lines = [
        {**line, "url": line["url"].removeprefix(pull.host), "body": mutated(line["body"], seed + at)}
        for at, line in enumerate(recorded(network))
    ]
    with pulling(module_of(network), lines, tmp_path, patient=True, **pull.settings) as asked:
        assert_well_formed(asked.run(*pull.handles))
        assert asked.server.calls, "nothing was asked"
