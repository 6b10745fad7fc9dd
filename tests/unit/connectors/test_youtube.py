"""YouTube: its answers become rows, damaged ones are refused, what is not public never shows."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from orchestration.connectors import youtube
from orchestration.connectors.client import ConnectorError, NetworkDownError
from orchestration.connectors.youtube.asking import later
from tests.fixtures.expected_rows import Expected
from tests.fixtures.network_answers import fixture, reading, refusals, table
from tests.fixtures.pulled import pulling
from tests.fixtures.replay_server import recorded

ADA, BEN, CLEO = (f"UC{letter * 22}" for letter in "abc")
HANDLES = ("adagardens", BEN, "@Nobody")
GIVEN = "k3y"
QUOTA = {"error": {"code": 403, "errors": [{"domain": "youtube.quota", "reason": "quotaExceeded"}]}}


expected = Expected("youtube")
act, account = expected.act, expected.account


def found(endpoint: str, at: int = 0) -> list[Any]:
    return list(youtube.rows(fixture("youtube", endpoint)[at], reading()))


def test_channels_with_a_handle_and_without() -> None:
    assert table(found("channels", 1), "accounts") == [
        account(
            ADA, "adagardens", display_name="Ada gardens", region="NG", followers=1200, posts=31,
            created_at=datetime(2012, 1, 2, 3, 4, 5, tzinfo=UTC),
        )
    ]  # fmt: skip
    # Subscribers that a channel hides are unknown, and not none.
    assert table(found("channels", 0), "accounts") == [
        account(
            BEN, BEN, display_name="Ben's films", language="de", posts=2,
            created_at=datetime(2015, 4, 1, 0, 0, 0, 123_000, UTC),
        )
    ]  # fmt: skip
    assert found("channels", 2) == []


def test_videos_are_posts_with_the_topics_of_their_words() -> None:
    rows = found("videos")
    assert table(rows, "activities") == [
        act("09:00", "post", "v1", ADA, None, "v1", "gardening", "football", "health")
    ]
    assert len(rows) == 1, "an older video is another day's, an unlisted one nobody's"


def test_the_list_of_videos_is_no_more_than_a_list() -> None:
    assert refusals(found("playlist_items")) == [
        ("bad_type", "playlist_items: contentDetails.videoPublishedAt is no moment")
    ]
    assert found("playlist_items", 1) == []


def test_comments_answer_the_channel_and_replies_answer_the_commentator() -> None:
    rows = found("comment_threads")
    assert table(rows, "activities") == [
        act("12:00", "reply", "c1", BEN, ADA, "v1"),
        act("13:00", "reply", "c1.r1", ADA, BEN, "c1"),
    ]
    assert table(rows, "accounts") == [account(BEN, BEN, display_name="Ben"), account(ADA, "adagardens")]
    assert refusals(rows) == [
        ("null_required", "comment_threads: authorChannelId.value"),
        ("null_required", "comment_threads: author of what a comment answers"),
    ]


def test_the_rest_of_a_thread() -> None:
    rows = found("comments")
    assert table(rows, "activities") == [
        act("13:00", "reply", "c1.r1", ADA, BEN, "c1"),
        act("18:00", "reply", "c1.r2", CLEO, BEN, "c1"),
    ]
    assert refusals(rows) == [("null_required", "comments: author of what a comment answers")]


@pytest.mark.parametrize(("reason", "gone"), [("videoNotFound", ["v1"]), ("channelNotFound", [])])
def test_a_video_that_is_not_found_any_more_is_a_deletion(reason: str, gone: list[str]) -> None:
    answer = fixture("youtube", "comment_threads")[0]
    body = json.dumps({"error": {"code": 404, "errors": [{"reason": reason}]}})
    rows = list(youtube.rows(replace(answer, status=404, body=body), reading()))
    assert [row["content_id"] for row in table(rows, "deletions")] == gone
    assert len(rows) == len(gone)


def test_open_subscriptions_are_follows_with_their_date() -> None:
    rows = found("subscriptions")
    assert table(rows, "activities") == [
        act(datetime(2020, 1, 1, 0, 0, 0, 500_000, UTC), "follow", f"follow:{ADA}:{BEN}", ADA, BEN, None),
        act("08:00", "follow", f"follow:{ADA}:{CLEO}", ADA, CLEO, None),
    ]
    assert refusals(rows) == [("null_required", "subscriptions: snippet.resourceId.channelId")]


def test_what_is_stored_has_no_words_of_anybody() -> None:
    stored = "".join(youtube.kept(answer, lambda _: "").body for answer in fixture("youtube"))
    for word in ("season", "lovely", "held", "closed", "words", "about Ada", "friends", "example.org"):
        assert word not in stored, word
    assert "Ada gardens" in stored, "the name of an account is no text"


def test_a_pull_asks_for_all_of_it_once_and_gives_the_same_rows_again(tmp_path: Path) -> None:
    lines = recorded("youtube")
    with pulling(youtube, lines, tmp_path, youtube_key=GIVEN) as pull:
        rows = pull.run(*HANDLES)
        # The page after one whose videos are all too old is not asked for.
        assert pull.server.missed == []
        assert sum(pull.server.calls.values()) == len(lines)
        kinds = [row["kind"] for row in table(rows, "activities")]
        assert {kind: kinds.count(kind) for kind in kinds} == {"post": 1, "reply": 4, "follow": 2}
        assert sorted(pull.client.notes) == [
            "comments are switched off under some videos",
            "some channels keep to themselves whom they subscribe to",
            "there is no channel @nobody",
        ]
        assert pull.client.failures == [f"channel {BEN}: playlist_items: the service answered 404"]
        assert pull.run(*HANDLES) == rows
        assert sum(pull.server.calls.values()) == len(lines)
        # The key is in a header, and in nothing that is written down.
        assert {headers["X-Goog-Api-Key"] for _, headers in pull.server.asked} == {GIVEN}
        assert not any(GIVEN in urlsplit(url).query for url, _ in pull.server.asked)
        assert GIVEN not in pull.journal.path.read_text()
    with pulling(youtube, lines, tmp_path / "again", youtube_key=GIVEN) as pull:
        assert pull.run(*HANDLES) == rows


def test_a_used_up_quota_ends_the_pull_and_is_asked_again_another_time(tmp_path: Path) -> None:
    path = "https://youtube.test" + urlsplit(recorded("youtube")[0]["url"]).path
    query = urlsplit(recorded("youtube")[0]["url"]).query
    refused = {"url": f"{path}?{query}", "status": 403, "body": QUOTA}
    with pulling(youtube, [refused], tmp_path, youtube_key=GIVEN) as pull:
        # It is 02:00 UTC on 11 March, 19:00 in California; the quota is filled up at midnight there.
        with pytest.raises(NetworkDownError, match="until 2026-03-11 07:00:00"):
            pull.run(BEN)
        assert len(pull.journal) == 0


@pytest.mark.parametrize(
    ("status", "reason", "now", "seconds"),
    [
        (403, "quotaExceeded", "2026-01-15T08:00:00+00:00", 24 * 3600),
        (403, "quotaExceeded", "2026-03-08T08:00:00+00:00", 23 * 3600),  # clocks go forward that night
        (403, "dailyLimitExceeded", "2026-07-01T06:59:00+00:00", 60),
        (403, "rateLimitExceeded", "2026-07-01T06:59:00+00:00", 60),
        (403, "commentsDisabled", "2026-07-01T06:59:00+00:00", None),
        (404, "quotaExceeded", "2026-07-01T06:59:00+00:00", None),
    ],
)
def test_how_long_a_refusal_asks_to_wait(status: int, reason: str, now: str, seconds: float | None) -> None:
    body = f'{{"error": {{"errors": [{{"reason": "{reason}"}}]}}}}'.encode()
    assert later(status, body, datetime.fromisoformat(now).timestamp()) == seconds


@pytest.mark.parametrize("reason", ["keyInvalid", "accessNotConfigured"])
def test_a_key_that_is_no_good_is_named_and_asked_with_again(reason: str, tmp_path: Path) -> None:
    url = next(line["url"] for line in recorded("youtube") if "id=UC" in line["url"])
    refused = {"url": url, "status": 400, "body": {"error": {"code": 400, "errors": [{"reason": reason}]}}}
    with pulling(youtube, [refused], tmp_path, youtube_key=GIVEN) as pull:
        with pytest.raises(ConnectorError, match="renew STATURE_YOUTUBE_KEY"):
            pull.run(BEN)
        assert len(pull.journal) == 0, "the next pull asks again, with the new key"


def test_check_says_that_a_key_is_enough(tmp_path: Path) -> None:
    line = {
        "url": "https://youtube.test/youtube/v3/i18nLanguages?part=snippet",
        "status": 200,
        "body": {"items": []},
    }
    with pulling(youtube, [line], tmp_path, youtube_key=GIVEN) as pull:
        assert youtube.check(pull.client) == "a key"
