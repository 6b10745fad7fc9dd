"""An answer of a web API without what speaks of somebody erased.

The services name people in their own ways, so this goes by what nearly all of them have in common: an object
names somebody by a field that ends in `id`, or by one of a few words for a handle. Rather too much goes than
too little: with a person goes the item of the list in which they are named, a post with its author, a reply
with the one replied to. Where no list is around it, the whole answer goes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

HANDLE_KEYS = frozenset(
    {
        "acct", "actor", "author", "by", "creator", "handle", "login", "name", "owner", "screen_name", "user",
        "username", "user_name", "subject",
    }
)  # fmt: skip
_DECENTRALISED = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]+")
_TOKEN = re.compile(r"[/?&=#]+")
_GONE = object()

IsErased = Callable[[str], bool]


def concerns(url: str, about: Mapping[str, Any], is_erased: IsErased) -> bool:
    """Whether an answer was asked for about somebody erased."""
    if any(is_erased(str(value)) for value in about.values()):
        return True
    return any(is_erased(unquote(part)) for part in _TOKEN.split(url) if part)


def without(body: str, is_erased: IsErased) -> tuple[str, int]:
    """The body without the erased, and how many items went; "" where all of it did.

    `is_erased` is asked for ids and handles as text. A body that is no JSON goes whole where any of its words
    is erased.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        words = set(re.findall(r"[\w.:@%-]+", body))
        return ("", 1) if any(is_erased(word) for word in words) else (body, 0)
    try:
        kept, gone = _kept(content, is_erased)
    except RecursionError:  # nobody nests an answer so deep in good faith
        return "", 1
    if not gone:
        return body, 0
    return ("" if kept is _GONE else json.dumps(kept, separators=(",", ":"))), gone


def _kept(content: Any, is_erased: IsErased) -> tuple[Any, int]:
    """The content without the erased (_GONE where it goes itself), and how many items went."""
    if isinstance(content, list):
        kept, gone = [], 0
        for item in content:
            left, count = _kept(item, is_erased)
            gone += count
            if left is not _GONE:
                kept.append(left)
        return kept, gone
    if isinstance(content, dict):
        if any(_names(key, value, is_erased) for key, value in content.items()):
            return _GONE, 1
        changed, gone = {}, 0
        for key, value in content.items():
            left, count = _kept(value, is_erased) if isinstance(value, list | dict) else (value, 0)
            gone += count
            if left is _GONE:  # who is in it is what all of this is about
                return _GONE, 1
            changed[key] = left
        return changed, gone
    # A list may hold bare ids.
    return (_GONE, 1) if _is_named(content, is_erased) else (content, 0)


def _names(key: str, value: Any, is_erased: IsErased) -> bool:
    name = key.lower()
    if name.endswith("id") or name in HANDLE_KEYS:
        return _is_named(value, is_erased)
    return isinstance(value, str) and any(is_erased(did) for did in _DECENTRALISED.findall(value))


def _is_named(value: Any, is_erased: IsErased) -> bool:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return False
    text = str(value)
    return is_erased(text) or any(is_erased(did) for did in _DECENTRALISED.findall(text))
