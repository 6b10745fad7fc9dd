"""One form for a tag, however it is written."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spark_jobs.taxonomy.tags import key, normalised, words


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("#UrbanGardening", "urban gardening"),
        ("urban-gardening", "urban gardening"),
        ("  Urban_Gardening ", "urban gardening"),
        ("##urban  gardening", "urban gardening"),
        ("＃UrbanGardening", "urban gardening"),  # noqa: RUF001  a full-width sign, as keyboards in Japan have it
        ("#HTMLParser", "html parser"),
        ("#iPhone", "iphone"),
        ("#C#", "c#"),
        ("C++", "c++"),
        ("#Größe", "grösse"),
        ("#ÉCOLE", "école"),
        ("हिन्दी", "हिन्दी"),
        ("#🔥", "🔥"),
        ("#", ""),
        ("   ", ""),
    ],
)
def test_normalised(tag, expected):
    assert normalised(tag) == expected


@pytest.mark.parametrize(
    "tag", ["#UrbanGardening", "#urbangardening", "urban-gardening", "URBAN GARDENING", "urban.gardening"]
)
def test_equal_tags_share_their_key(tag):
    assert key(tag) == "urbangardening"


def test_languages_are_not_mixed_up():
    assert len({key("C"), key("C++"), key("C#")}) == 3
    assert words("C#, C++ and #c#d") == ["c#", "c++", "and", "c", "d"]


@given(st.text())
@example("a\u13a0B")  # Cherokee, whose small letters fold to capitals
@example("#ǅungla")
@example("İstanbul")
def test_normalising_twice_changes_nothing(tag):
    once = normalised(tag)
    assert normalised(once) == once


@given(st.text(alphabet=st.characters(categories=["Ll", "Nd"]), min_size=1))
def test_case_and_sign_do_not_matter(word):
    assert key("#" + word.upper()) == key(word.upper().lower())
