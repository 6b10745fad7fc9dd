"""HTML of blogs and feeds: what a reader sees, and where links lead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.connectors.hypertext import MOST_CHARACTERS, as_html, links_of, text_of


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One &amp; two</p><p>three</p>", "One & two three"),
        ("a<br>b<br/>c", "a b c"),
        ("#<a href='/t/x'>garden</a>ing", "#gardening"),
        ("<!-- unseen --> seen", "seen"),
        ("seen <!-- never closed", "seen"),
        ("<script>var a = '<p>no</p>'</script>yes<style>p{}</style>", "yes"),
        ("yes <script>never closed", "yes"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("<p>R&amp;B, C++, AT&T</p>", "R&B, C++, AT&T"),
        ("<![CDATA[told]]>", ""),
        ("", ""),
    ],
)
def test_text_is_what_a_reader_sees(markup: str, text: str) -> None:
    assert text_of(markup) == text


def test_links_are_those_of_anchors_each_once_and_unescaped() -> None:
    markup = (
        '<link href="https://no.example"><a class=x href="https://a.example/?p=1&amp;q=2">a</a>'
        "<A HREF='/b'>b</A><a href=https://c.example/c>c</a><a href=\"https://a.example/?p=1&amp;q=2\">a</a><a>d</a>"
    )
    assert links_of(markup) == ["https://a.example/?p=1&q=2", "/b", "https://c.example/c"]


@given(st.text(alphabet="<>/!-&;'\"= abcscripthrefstyle", max_size=200))
def test_nothing_makes_it_stumble_and_written_text_is_read_again(markup: str) -> None:
    text = text_of(markup)
    links_of(markup)
    assert text_of(as_html(text)) == text


@pytest.mark.parametrize("piece", ["<", "<a ", "<!--", "<script>", "<a href=", "&", "<a href='"])
def test_hostile_pieces_take_no_longer_than_others(piece: str) -> None:
    # A quadratic pattern would take hours for this, and the test would not end.
    text_of(piece * (MOST_CHARACTERS // len(piece)))


def test_only_the_beginning_is_read() -> None:
    assert text_of("a" * MOST_CHARACTERS + "b").endswith("a")
