"""A web API's answer without whoever is erased; the others in it stay."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.privacy.answers import concerns, without

GONE = {"7", "ada", "did:plc:ada"}.__contains__


def left(body: object) -> tuple[object, int]:
    text, gone = without(json.dumps(body), GONE)
    return (json.loads(text) if text else None), gone


def test_of_a_list_only_the_items_go_that_name_the_erased() -> None:
    posts = [{"id": "1", "account": {"id": "8"}}, {"id": "2", "account": {"id": "7"}}, {"id": "3"}]
    assert left(posts) == ([{"id": "1", "account": {"id": "8"}}, {"id": "3"}], 1)


def test_a_mention_goes_and_the_post_stays() -> None:
    post = [{"id": "1", "account": {"id": "8"}, "mentions": [{"username": "ada"}, {"username": "bo"}]}]
    assert left(post) == ([{"id": "1", "account": {"id": "8"}, "mentions": [{"username": "bo"}]}], 1)


def test_an_answer_about_the_erased_goes_whole() -> None:
    assert left({"id": 7, "followers": 12}) == (None, 1)
    assert left({"thread": {"post": {"author": {"did": "did:plc:ada"}}, "replies": []}}) == (None, 1)


def test_an_address_that_holds_an_id_counts() -> None:
    assert left([{"uri": "at://did:plc:ada/app.bsky.feed.post/3k"}, {"uri": "at://did:plc:bo/x/3"}]) == (
        [{"uri": "at://did:plc:bo/x/3"}],
        1,
    )


@pytest.mark.parametrize("body", [{"likes": 7}, [{"id": "70", "text": "ada wrote"}], {}, [], None, "x", 3])
def test_numbers_and_texts_are_nobody(body: object) -> None:
    assert without(json.dumps(body), GONE) == (json.dumps(body), 0)


def test_what_is_no_json_goes_where_a_word_is_erased() -> None:
    assert without("<a>ada</a>", GONE) == ("", 1)
    assert without("<a>adam</a>", GONE) == ("<a>adam</a>", 0)


def test_what_was_asked_says_whom_an_answer_is_about() -> None:
    assert concerns("https://x.org/api/accounts/7/posts?limit=9", {}, GONE)
    assert concerns("https://x.org/api", {"account_id": "7"}, GONE)
    assert not concerns("https://x.org/api/accounts/77?limit=70", {"content_id": "70"}, GONE)


values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["ada", "bo", "7", "x"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["id", "acct", "text", "items"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(values)
def test_nothing_that_names_the_erased_is_left_and_twice_is_once(body: object) -> None:
    text, gone = without(json.dumps(body), GONE)

    def names(value: object, key: str = "") -> bool:
        if isinstance(value, list):
            return any(names(item, "id") for item in value)
        if isinstance(value, dict):
            return any(names(item, name) for name, item in value.items())
        return key in ("id", "acct") and not isinstance(value, bool) and GONE(str(value))

    assert text == "" or not names(json.loads(text))
    assert without(text, GONE) == (text, 0) or text == ""
    assert gone or text == json.dumps(body)
