"""Mappings: what a data team may write, and what each mistake is answered with."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from orchestration.activation.mapping import DEFAULTS, CrmMapping, MappingError, load_mapping, read_mapping
from tests.fixtures.contact_scores import contact

SCORE = {"field": "score", "column": "score"}


def mapping(*fields: dict[str, Any], **more: Any) -> CrmMapping:
    return CrmMapping.model_validate({"kind": "file", "fields": fields or (SCORE,), **more})


@pytest.mark.parametrize("path", sorted(DEFAULTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_projects_own_mappings_are_whole(path: Path) -> None:
    found = read_mapping(path)
    columns = {field.column: field for field in found.fields}
    assert columns["score"].tolerance == 1
    assert all(columns[name].travels for name in ("day", "score_low", "sentence") if name in columns)
    assert not columns["topic_1"].travels


def test_values_are_as_the_file_says() -> None:
    found = mapping(
        {"field": "s", "column": "score", "decimals": 0},
        {"field": "d", "column": "day"},
        {"field": "w", "column": "sentence", "max_length": 8},
        {"field": "p", "column": "priority"},
        {"field": "f", "column": "double_failure"},
    )
    row = contact("1", 57.26, day=date(2026, 2, 1), sentence="a long sentence")
    assert found.values(row) == {"s": 57.0, "d": "2026-02-01", "w": "a long…", "p": 0, "f": False}
    assert found.values(contact("1", float("nan")))["s"] is None


@pytest.mark.parametrize(
    ("before", "now", "moved"),
    [
        (50.0, 51.0, False),
        (50.0, 51.1, True),
        (50.0, 49.0, False),
        (50.0, 48.9, True),
        (None, 1.0, True),
        (1.0, None, True),
        (None, None, False),
    ],
)
def test_a_score_moves_by_more_than_a_point(before: float | None, now: float | None, moved: bool) -> None:
    assert bool(mapping().moved({"score": before}, {"score": now})) is moved


def test_what_travels_causes_nothing() -> None:
    found = mapping(SCORE, {"field": "day", "column": "day"}, {"field": "topic", "column": "topic_1"})
    before = {"score": 50.0, "day": "2026-01-31", "topic": "bikes"}
    assert found.moved(before, {**before, "day": "2026-02-01"}) == ()
    assert found.moved(before, {**before, "topic": "birds"}) == ("topic",)
    assert found.moved(before, {**before, "topic": "birds"}, theirs=["topic"]) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: [", "cannot be read"),
        ("kind: fax\nfields: [{field: a, column: score}]", "kind: Input should be"),
        ("kind: file\nfields: [{field: a, column: scores}]", "has no column scores; there are: contact_id"),
        ("kind: file\nfields: [{field: a, column: score, tolerence: 1}]", "tolerence: Extra inputs"),
        ("kind: file\nfields: []", "fields: Tuple should have at least 1 item"),
        (
            "kind: file\nfields: [{field: a, column: score}, {field: a, column: day}]",
            "a field is mapped twice: a",
        ),
        ("kind: file\nfields: [{field: a, column: day}]", "every field travels along"),
        ("kind: file\nid_field: a\nfields: [{field: a, column: score}]", "a says which record is meant"),
        ("kind: salesforce\nfields: [{field: a, column: score}]", "kind salesforce needs `object`"),
        ("kind: http\nfields: [{field: a, column: score}]", "kind http needs `send`"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(MappingError, match=r"mine\.yaml") as refused:
        read_mapping(path)
    assert message in str(refused.value)


HTTP = "kind: http\nfields: [{field: a, column: score}, {field: b, column: topic_1}]\n"
BOTH = 'body: {a: "{a}", b: "{b}"}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "kind: file\nfields: [{field: a, column: score, tolerance: -1}]",
            "fields.0.tolerance: Input should be",
        ),
        ("kind: file\nfields: [{field: a, column: score, tolerance: .inf}]", "should be a finite number"),
        ("kind: file\nfields: [{field: a, column: score, tolerance: .nan}]", "should be a finite number"),
        ("kind: file\nfields: [score]", "fields.0: Input should be a valid dictionary"),
        ("kind: file\nfields: [{field: a, column: score}]\nkind: http", "kind is given twice, in line 3"),
        ("kind: file\nfields: [{field: a, column: day, column: score}]", "column is given twice, in line 2"),
        ("", "one begins with `kind: …` and has `fields`"),
        ("- kind: file", "one begins with `kind: …` and has `fields`"),
        (
            "kind: salesforce\nobject: Contact\nid_field: Id\n"
            "fields: [{field: S__c, column: score}, {field: s__c, column: priority}]",
            "the file: a field is mapped twice: S__c, s__c",
        ),
        (
            "kind: salesforce\nobject: Contact\nid_field: Id\nfields: [{field: id, column: score}]",
            "the file: id says which record is meant",
        ),
        (
            HTTP + f'send: {{url: "https://x/{{contactid}}", {BOTH}}}',
            "uses {contactid}, and no field is called",
        ),
        (HTTP + f'send: {{url: "https://x/", {BOTH}}}', "`send` does not say whose record"),
        (HTTP + 'send: {url: "https://x/{contact_id}", body: {a: "{a}"}}', "does not mention the field b"),
        (
            HTTP + f'send: {{url: "https://x/{{contact_id}}", {BOTH}}}\n'
            'read: {url: "https://x/{contact_id}", values: {a: a}}',
            "does not say where to read b",
        ),
        (
            HTTP + f'send: {{url: "https://x/{{contact_id}}", {BOTH}}}\n'
            'read: {url: "https://x/{a}", values: {a: a, b: b}}',
            "uses {a}, and reading knows contact_id alone",
        ),
        (HTTP + f'send: {{url: "https://me:pw9@x/{{contact_id}}", {BOTH}}}', "send.url: there is a secret"),
        (
            HTTP + f'send: {{url: "https://x/{{contact_id}}?api_key=pw9", {BOTH}}}',
            "send.url: there is a secret",
        ),
        (
            HTTP + f'send: {{url: "https://x/{{contact_id}}", headers: {{Authorization: pw9}}, {BOTH}}}',
            "send.headers: there is a secret in the header Authorization",
        ),
        (HTTP + f'send: {{url: "x/{{contact_id}}", {BOTH}}}', "send.url: this is no address"),
        (HTTP + f'send: {{url: "https://{{a}}/{{contact_id}}", {BOTH}}}', "send.url: this is no address"),
    ],
)
def test_each_mistake_has_one_sentence_and_a_secret_is_in_none(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(MappingError) as refused:
        load_mapping("mine", str(tmp_path))
    assert said in str(refused.value)
    assert not any(piece in str(refused.value) for piece in (";", "\n", "pw9"))


def test_what_is_usual_in_an_address_is_no_secret(tmp_path: Path) -> None:
    send = f'send: {{url: "http://127.0.0.1:3000/{{contact_id}}?author=us&key={{contact_id}}", {BOTH}}}'
    (tmp_path / "mine.yaml").write_text(HTTP + send)
    assert load_mapping("mine", str(tmp_path)).names == ("a", "b")


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"STATURE_CRM_MAPPINGS names .*nowhere"):
        load_mapping("salesforce", str(tmp_path / "nowhere"))


def test_a_folders_mapping_stands_before_our_own(tmp_path: Path) -> None:
    (tmp_path / "salesforce.yaml").write_text("kind: file\nfields: [{field: mine, column: score}]")
    assert load_mapping("salesforce", str(tmp_path)).names == ("mine",)
    assert load_mapping("hubspot", str(tmp_path)).kind == "hubspot"
    with pytest.raises(MappingError, match="there are: hubspot"):
        load_mapping("../salesforce", str(tmp_path))
