"""Fields of JSON are read as what they should be, or refused; what is stored has nothing private."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from orchestration.connectors import fields
from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.contract_rows import account, accounts_once, topics_of, undated
from orchestration.connectors.storing import storable

RECEIVED = datetime(2026, 3, 2, 1, tzinfo=UTC)


def answer(body: Any) -> Answer:
    text = body if isinstance(body, str) else json.dumps(body)
    return Answer("example", "things", "https://example.org/things", 200, text, RECEIVED)


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (fields.identity, 7, "7"),
        (fields.identity, "7", "7"),
        (fields.message, "a\x00\ud800b", "a\ufffd\ufffdb"),
        (fields.message, None, ""),
        (fields.maybe_identity, None, None),
        (fields.maybe_identity, "", None),
        (fields.text, "a", "a"),
        (fields.maybe_text, "", ""),
        (fields.maybe_count, "12", 12),
        (fields.maybe_count, 0, 0),
        (fields.maybe_count, None, None),
        (fields.maybe_flag, False, False),
        (fields.moment, "2026-03-01T23:30:00.5+02:00", datetime(2026, 3, 1, 21, 30, 0, 500_000, UTC)),
        (fields.maybe_moment, "", None),
        (fields.array, None, []),
        (fields.maybe_node, None, {}),
    ],
)
def test_a_field_is_read(read: Any, value: Any, expected: Any) -> None:
    assert read({"a": {"b": value}}, "a", "b") == expected


@pytest.mark.parametrize(
    ("read", "value", "reason"),
    [
        (fields.identity, None, "null_required"),
        (fields.identity, True, "bad_type"),
        (fields.identity, 1.5, "bad_type"),
        (fields.identity, "a\x00", "bad_text"),
        (fields.text, "", "null_required"),
        (fields.text, "\ud800", "bad_text"),
        (fields.maybe_text, 3, "bad_type"),
        (fields.maybe_count, -1, "out_of_range"),
        (fields.maybe_count, 2**63, "out_of_range"),
        (fields.maybe_count, "many", "bad_type"),
        (fields.maybe_count, True, "bad_type"),
        (fields.maybe_flag, "yes", "bad_type"),
        (fields.moment, None, "null_required"),
        (fields.moment, "yesterday", "bad_type"),
        (fields.moment, "2026-03-01T23:30:00", "bad_type"),
        (fields.moment, "0001-01-01T00:00:00+10:00", "out_of_range"),
        (fields.array, {}, "bad_type"),
        (fields.a_node, None, "null_required"),
        (fields.a_node, [], "bad_type"),
    ],
)
def test_a_field_of_another_kind_is_refused_by_its_name(read: Any, value: Any, reason: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read({"a": {"b": value}}, "a", "b")
    assert refused.value.reason == reason
    assert refused.value.detail.startswith("a.b")


def test_an_object_that_is_none_is_named_where_its_field_is_asked_for() -> None:
    with pytest.raises(Unreadable, match="bad_type: a is no object"):
        fields.text({"a": 3}, "a", "b")
    assert fields.maybe_text({"a": None}, "a", "b") is None


def test_an_item_that_cannot_be_read_leaves_the_others_alone() -> None:
    def read(item: fields.Node) -> list[Row | Refused]:
        return [Row("deletions", {"content_id": fields.identity(item, "id")})]

    found = list(fields.each(answer(""), "things", [{"id": 1}, {"id": []}, 3, {"id": "2"}], read))
    assert found == [
        Row("deletions", {"content_id": "1"}),
        Refused("bad_type", "things: id is no text"),
        Refused("bad_type", "things: things is no object"),
        Row("deletions", {"content_id": "2"}),
    ]


def test_what_is_stored_has_its_texts_reduced_and_nothing_private() -> None:
    stored = storable(
        answer(
            {
                "items": [{"text": "long", "secret": 1, "n": 2}, {"hidden": True, "text": "private"}],
                "one": {"hidden": True, "text": "private"},
                "deep": {"list": [[{"text": "long"}]], "text": ["long", {"text": "long"}]},
                "size": float("1e300"),
            }
        ),
        str.upper,
        texts={"text"},
        dropped={"secret"},
        private=lambda item: item.get("hidden") is True,
    )
    assert stored.json() == {
        "items": [{"text": "LONG", "n": 2}],
        "one": None,
        "deep": {"list": [[{"text": "LONG"}]], "text": ["LONG", {"text": "LONG"}]},
        "size": 1e300,
    }


@pytest.mark.parametrize(
    "body", ["", "<html>secret</html>", '{"text": "sec', '["secret", NaN]', "[" * 100_000]
)
def test_a_body_that_is_no_json_is_not_stored(body: str) -> None:
    assert storable(answer(body), str.upper, texts={"text"}).body == ""


def test_a_body_however_deep_or_large_its_numbers_is_stored() -> None:
    deep = "[" * 400 + '{"text":"long","n":1e999}' + "]" * 400
    assert '{"text":"LONG","n":null}' in storable(answer(deep), str.upper, texts={"text"}).body
    assert storable(answer({"hidden": 1}), str, texts=(), private=lambda _: True).body == "null"


def test_an_undated_reaction_counts_from_noon_but_not_before_its_post_nor_after_it_was_received() -> None:
    day = date(2026, 3, 1)
    reading = Reading(day, datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC), lambda *_: [])
    noon, evening = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 1, 20, tzinfo=UTC)
    assert undated(reading, answer(""), None) == noon
    assert undated(reading, answer(""), datetime(2026, 2, 1, tzinfo=UTC)) == noon
    assert undated(reading, answer(""), evening) == evening
    assert undated(reading, answer(""), datetime(2026, 3, 5, tzinfo=UTC)) == RECEIVED


def test_texts_are_read_one_by_one_and_topics_named_once() -> None:
    def topics(text: str, tags: Any) -> list[str]:
        return [*tags, *text.split()]

    reading = Reading(date(2026, 3, 1), RECEIVED, RECEIVED, topics)
    assert topics_of(reading, ["a b", None, "b c"], ["t", "a"]) == ["t", "a", "b", "c"]


def test_an_account_is_described_once_an_answer() -> None:
    ada, ben = account("example", "1", "ada", RECEIVED), account("example", "2", "ben", RECEIVED)
    other = Refused("bad_type", "x")
    assert list(accounts_once([ada, other, ben, ada, other])) == [ada, other, ben, other]
    with pytest.raises(TypeError, match="colour"):
        account("example", "1", "ada", RECEIVED, colour="red")
