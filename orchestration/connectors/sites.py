"""Which site an address belongs to. A blog has no id of its own: it is known by its address."""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

_OURS = (".local", ".localhost", ".internal", ".lan", ".home.arpa")
# A host as people write it, without a scheme. `mailto:` and `tel:` are none.
_BARE = re.compile(r"[^\s/?#@:]+\.[^\s/?#@:]+(:\d+)?([/?#]|$)")
_PORTS = {"http": 80, "https": 443}


def address_of(url: str) -> str | None:
    """Host and path of an address of the web, as an id: `www.Ada.blog/notes/?x=1` is `ada.blog/notes`.

    The scheme, `www.`, the usual port, the query and a last slash do not tell two sites apart. None where it
    is no address of the web.
    """
    split = _split(url)
    host = _host(split)
    return None if split is None or host is None else (host + split.path.rstrip("/"))


def host_of(url: str) -> str | None:
    """The host of an address of the web, without `www.` and the usual port."""
    return _host(_split(url))


def site_among(url: str, sites: Collection[str]) -> str | None:
    """The site of `sites` (ids by `address_of`) that an address lies in: the one with the longest path."""
    address = address_of(url)
    while address:
        if address in sites:
            return address
        address = address.rpartition("/")[0]
    return None


def is_public_name(url: str) -> bool:
    """Whether an address names a host as the web does: with a dot, and no number, `localhost` or `.internal`.

    For addresses that others state, so that nobody makes us ask the machines of our own network.
    """
    split = _split(url)
    host = (split.hostname or "") if split else ""
    if "." not in host or host.rstrip(".").endswith(_OURS):
        return False
    try:
        ip_address(host)
    except ValueError:
        return not host.rpartition(".")[2].isdigit()
    return False


def _split(url: str) -> SplitResult | None:
    bare = url.strip()
    if "://" not in bare:
        if not _BARE.match(bare):
            return None
        bare = f"https://{bare}"
    try:
        return urlsplit(bare)
    except ValueError:
        return None


def _host(split: SplitResult | None) -> str | None:
    if split is None or split.scheme.lower() not in _PORTS or not split.hostname:
        return None
    try:
        port = split.port
    except ValueError:
        return None
    host = split.hostname.lower().rstrip(".").removeprefix("www.")
    if not host or any(not letter.isprintable() or letter.isspace() for letter in host):
        return None
    return host if port in (None, _PORTS[split.scheme.lower()]) else f"{host}:{port}"
