"""Addresses as ids of sites."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.connectors.sites import address_of, host_of, is_public_name, site_among


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://www.Ada.blog/notes/?x=1#y", "ada.blog/notes"),
        ("http://ada.blog:80", "ada.blog"),
        ("https://ada.blog:8443/", "ada.blog:8443"),
        ("https://user:secret@ada.blog/", "ada.blog"),
        ("ada.blog/x", "ada.blog/x"),
        ("https://medium.com/@Ada", "medium.com/@Ada"),
        ("ftp://ada.blog", None),
        ("mailto:ada@ada.blog", None),
        ("https://", None),
        ("https://[broken", None),
        ("https://ada.blog:x/", None),
        ("https://a b/", None),
        ("javascript://x", None),
    ],
)
def test_an_address_is_host_and_path(url: str, address: str | None) -> None:
    assert address_of(url) == address


def test_the_host_alone() -> None:
    assert host_of("https://www.ada.blog/2026/x") == "ada.blog"
    assert host_of("tel:123") is None


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://ada.blog/2026/x?y", "ada.blog"),
        ("https://medium.com/@ada/post-1", "medium.com/@ada"),
        ("https://medium.com/@adaline", None),
        ("https://notes.ada.blog/", None),
        ("https://example.org/blog/x", "example.org/blog"),
        ("/2026/x", None),
    ],
)
def test_a_link_lies_in_the_site_with_the_longest_path(url: str, site: str | None) -> None:
    assert site_among(url, {"ada.blog", "medium.com/@ada", "example.org/blog"}) == site


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://ada.blog", True),
        ("ada.blog/feed", True),
        ("http://localhost/feed", False),
        ("http://127.0.0.1:9000", False),
        ("http://[::1]/", False),
        ("http://169.254.169.254/latest", False),
        ("http://2130706433/", False),
        ("http://0x7f.1/", False),
        ("http://db.internal", False),
        ("http://printer.local./", False),
        ("http://intranet/", False),
    ],
)
def test_only_names_of_the_web_are_public(url: str, public: bool) -> None:
    assert is_public_name(url) is public


@given(st.text(max_size=80))
def test_no_text_makes_it_stumble(url: str) -> None:
    address = address_of(url)
    host_of(url)
    is_public_name(url)
    assert address is None or address_of(f"https://{address}") is not None
    assert site_among(url, {"ada.blog"}) in {None, "ada.blog"}
