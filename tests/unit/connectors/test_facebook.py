"""Facebook and Instagram over the Graph API: who is named counts, the token is nowhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from orchestration.connectors import facebook, graph_api, instagram
from orchestration.connectors.client import ConnectorError
from orchestration.connectors.network import NetworkDownError
from orchestration.settings import Settings
from tests.fixtures.expected_rows import Expected
from tests.fixtures.network_answers import RECEIVED, fixture, reading, reduce, refusals, table
from tests.fixtures.pulled import pulling
from tests.fixtures.replay_server import recorded

FB, IG = Expected("facebook"), Expected("instagram")
MODULES: dict[str, ModuleType] = {"facebook": facebook, "instagram": instagram}
OWN, OTHER = "17840000000000001", "17840000000000002"


def found(network: str, endpoint: str) -> list[Any]:
    return [row for a in fixture(network, endpoint) for row in MODULES[network].rows(a, reading())]


def test_a_page_and_the_instagram_account_that_its_owner_joined_to_it() -> None:
    rows = found("facebook", "pages")
    page = FB.account("700", "adafootball", display_name="Ada's Football", followers=950)
    assert table(rows, "accounts") == [page]
    link = {
        "person_key": "facebook:700", "share": 1.0, "confidence": 1.0, "method": "linked_on_facebook",
        "observed_at": RECEIVED,
    }  # fmt: skip
    assert table(rows, "identity_links") == [
        {"network": "facebook", "account_id": "700", **link},
        {"network": "instagram", "account_id": OWN, **link},
    ]


def test_posts_and_the_pages_that_they_name() -> None:
    rows = found("facebook", "page_posts")
    about = ("football", "gardening")
    assert table(rows, "activities") == [
        FB.act("08:00", "post", "700_1", "700", None, "700_1", *about),
        FB.act("08:00", "mention", "mention:700_1:800", "700", "800", None, *about),
    ]
    assert refusals(rows) == [("null_required", "page_posts: id")]


def test_comments_of_those_who_are_named() -> None:
    rows = found("facebook", "post_comments")
    assert table(rows, "activities") == [
        FB.act("10:00", "reply", "1_11", "31", "700", "700_1"),
        FB.act("11:00", "reply", "1_12", "800", "31", "1_11"),
        FB.act("11:00", "mention", "mention:1_12:32", "800", "32", None),
    ]
    assert table(rows, "accounts") == [
        FB.account("31", "31", display_name="Cleo"),
        FB.account("800", "800", display_name="Bob's Garden"),
    ]
    assert refusals(rows) == [("null_required", "post_comments: from")] * 2


def test_reactions_have_no_date_and_are_likes_of_whatever_kind() -> None:
    rows = found("facebook", "post_reactions")
    assert table(rows, "activities") == [
        FB.act("12:00", "like", "like:700_1:31", "31", "700", "700_1"),
        FB.act("12:00", "like", "like:700_1:32", "32", "700", "700_1"),
        FB.act("12:00", "like", "like:700_2:31", "31", "700", "700_2"),
    ]
    cleo, dan = FB.account("31", "31", display_name="Cleo"), FB.account("32", "32", display_name="Dan")
    assert table(rows, "accounts") == [cleo, dan, cleo]
    assert refusals(rows) == [("null_required", "post_reactions: id")]


def test_instagram_accounts_and_media() -> None:
    own = IG.account(OWN, "ada.football", display_name="Ada", followers=120, following=7, posts=40)
    assert table(found("instagram", "owned"), "accounts") == [own]
    media = found("instagram", "media")
    assert table(media, "activities") == [IG.act("08:00", "post", "501", OWN, None, "501", "football")]
    assert refusals(media) == [("bad_type", "media: timestamp is no moment")]
    seen = found("instagram", "discovery")
    other = IG.account(OTHER, "bob.garden", display_name="Bob", followers=64, posts=2)
    assert table(seen, "accounts") == [other]
    assert table(seen, "activities") == [IG.act("15:00", "post", "801", OTHER, None, "801", "gardening")]


def test_instagram_comments_and_answers_to_them() -> None:
    rows = found("instagram", "media_comments")
    assert table(rows, "activities") == [
        IG.act("09:00", "reply", "601", "91", OWN, "501"),
        IG.act("09:30", "reply", "602", OWN, "91", "601"),
    ]
    assert table(rows, "accounts") == [IG.account("91", "cleo")]
    assert refusals(rows) == [
        ("null_required", "media_comments: from"),
        ("null_required", "media_comments: from of the comment that was answered"),
    ]


@pytest.mark.parametrize("network", MODULES)
def test_what_is_stored_is_without_tokens_and_what_is_hidden(network: str) -> None:
    module = MODULES[network]
    stored = "".join(module.kept(answer, reduce).body for answer in fixture(network))
    for gone in ("SECRET", "access_token", "Great match", "For the page alone", "Rude", "Not out"):
        assert gone not in stored


# --- asking ---------------------------------------------------------------------------------------

TOLD = {"facebook_url": "{server}", "facebook_token": "t0ken"}


@pytest.mark.parametrize(
    ("network", "accounts"), [("facebook", ()), ("instagram", ("bob.garden", "no/name"))]
)
def test_a_pull_sends_the_token_in_a_header_and_pulling_again_asks_nothing(
    network: str, accounts: tuple[str, ...], tmp_path: Path
) -> None:
    lines = recorded(network)
    with pulling(MODULES[network], lines, tmp_path, **TOLD) as pull:
        first = pull.run(*accounts)
        expected = [row for answer in fixture(network) for row in MODULES[network].rows(answer, reading())]
        assert sorted(map(repr, first)) == sorted(map(repr, expected))
        assert not pull.server.missed
        assert sum(pull.server.calls.values()) == len(lines)
        for url, headers in pull.server.asked:
            assert headers["Authorization"] == "Bearer t0ken"
            assert "SECRET" not in url
            assert "access_token" not in url
        journal = pull.journal.path.read_text()
        assert "SECRET" not in journal
        assert "t0ken" not in journal
        assert pull.run(*accounts) == first
        assert sum(pull.server.calls.values()) == len(lines)


def error(code: int, status: int = 400) -> dict[str, Any]:
    """What the service answers to anything, with one of its codes."""
    body = {"error": {"message": "(#1) …", "type": "OAuthException", "code": code, "fbtrace_id": "A1"}}
    return {"status": status, "body": body}


def everywhere(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**line, **answer} for line in recorded("facebook")]


def test_a_refused_token_names_the_setting(tmp_path: Path) -> None:
    with pulling(facebook, everywhere(error(190)), tmp_path, **TOLD) as pull:
        with pytest.raises(ConnectorError, match="STATURE_FACEBOOK_TOKEN"):
            pull.run()
        # Nothing of it is remembered: a new token asks again.
        assert len(pull.journal) == 0


def test_too_many_calls_are_waited_for_and_not_taken_for_a_lost_page(tmp_path: Path) -> None:
    waits: list[float] = []
    with pulling(facebook, everywhere(error(4)), tmp_path, **TOLD) as pull:
        pull.client._wait = waits.append
        with pytest.raises(NetworkDownError):
            pull.run()
    assert len(waits) >= 5


def test_a_page_that_may_not_be_read_is_noted_and_skipped(tmp_path: Path) -> None:
    lines = [line for line in recorded("facebook") if line["endpoint"] != "post_comments"]
    refused = [{**line, **error(100)} for line in recorded("facebook") if line["endpoint"] == "post_comments"]
    with pulling(facebook, [*lines, *refused], tmp_path, **TOLD) as pull:
        kinds = [row["kind"] for row in table(pull.run(), "activities")]
        assert kinds == ["post", "mention", "like", "like", "like"]
        assert [failure.split(":")[0] for failure in pull.client.failures] == [
            "comments on 700_1", "comments on 700_2",
        ]  # fmt: skip


def test_no_token_is_said() -> None:
    with pytest.raises(ConnectorError, match="STATURE_FACEBOOK_TOKEN"):
        graph_api.credentials(Settings(_env_file=None))  # type: ignore[call-arg]


def test_an_error_with_status_200_is_refused() -> None:
    body = json.dumps(error(1)["body"])
    for network, module in MODULES.items():
        for answer in fixture(network):
            if answer.endpoint != "discovery":
                assert [row.reason for row in module.rows(replace(answer, body=body), reading())] == [
                    "bad_type"
                ]
