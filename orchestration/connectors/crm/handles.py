"""Handles as people write them into a CRM's field, and as the networks' accounts have them."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

from orchestration.connectors.sites import address_of, host_of

_MOST = 512  # characters, by the contract

# Networks that are one site: the words that may stand before the handle in a profile's address.
_ONE_SITE: dict[str, frozenset[str]] = {
    "bluesky": frozenset({"profile"}),
    "facebook": frozenset({"pg", "pages"}),
    "github": frozenset({"orgs", "users"}),
    "hackernews": frozenset(),
    "instagram": frozenset(),
    "linkedin": frozenset({"company", "school", "showcase", "in"}),
    "x": frozenset(),
    "youtube": frozenset({"c", "channel", "user"}),
}
# Networks of many sites, where a handle names its own: ada@forum.example.
_MANY_SITES: dict[str, frozenset[str]] = {
    "discourse": frozenset({"u", "users"}),
    "mastodon": frozenset({"users", "web"}),
    "stackexchange": frozenset({"users"}),
}
_PLACES = frozenset({"feeds", "web"})  # what is named there is an address itself
_NAMED_IN_QUERY = {"hackernews": "id", "facebook": "id"}
_STACK_SITE = re.compile(r"(.+?)(?:\.stackexchange)?\.(?:com|net|org)")
_ADDRESS = re.compile(r"[^\s/?#@:]+\.[^\s/?#@:]+/[^\s]+")


def handle_of(told: str | None, network: str) -> str | None:
    """The handle of an account, told with an @, or as the address of the profile or of something on it.

    `https://x.com/ada/status/7` is ada, `forum.example/u/Ada` on discourse Ada@forum.example,
    `https://ada.blog/author/ada/` on wordpress ada.blog/ada. None where there is none in it.
    """
    if told is None or network in _PLACES:
        return told[:_MOST] if told else None
    if network == "wordpress":
        return _of_blog(told)
    is_address = "://" in told or _ADDRESS.fullmatch(told) is not None
    found = _of_address(told, network) if is_address else told
    return found.strip().removeprefix("@").strip()[:_MOST] or None


def _of_address(told: str, network: str) -> str:
    """The handle in an address of the web, which may lack its scheme."""
    url = told if "://" in told else f"https://{told}"
    try:
        address = urlsplit(url)
    except ValueError:
        return ""
    named = parse_qs(address.query).get(_NAMED_IN_QUERY.get(network, ""), [])
    if named:
        return named[0]
    parts = [part for part in unquote(address.path).split("/") if part]
    before = (_ONE_SITE | _MANY_SITES).get(network)
    if before is None:
        return parts[-1] if parts else ""  # nobody knows how that network writes its addresses
    while parts and parts[0].lower() in before:
        parts = parts[1:]
    name = parts[0].removeprefix("@") if parts else ""
    if network not in _MANY_SITES or not name or "@" in name:
        return name
    host = host_of(url) or ""
    found = _STACK_SITE.fullmatch(host) if network == "stackexchange" else None
    return f"{name}@{found[1] if found else host}"


def _of_blog(told: str) -> str | None:
    """`ada.blog` for the blog, `ada.blog/ada` for one of its authors."""
    address = address_of(told.removeprefix("@"))
    if address is None:
        return told.strip()[:_MOST] or None
    before, _, author = address.rpartition("/author/")
    return (f"{before}/{author}" if before else address)[:_MOST]
