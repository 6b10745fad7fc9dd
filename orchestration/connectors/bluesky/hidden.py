"""People who hide from readers without an account, and what of an answer may be stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from orchestration.connectors.answers import Answer, Unreadable

_LABEL = "!no-unauthenticated"
_DROPPED = frozenset(
    {"description", "alt", "title", "avatar", "banner", "thumb", "viewer", "pronouns", "website"}
)
_BARE = frozenset({"did", "handle", "uri", "labels", "author"})


def labels(actor: Any) -> set[str]:
    """What is said of an account, by itself or by others."""
    found = actor.get("labels") if isinstance(actor, Mapping) else None
    return {str(v.get("val")) for v in found if isinstance(v, dict)} if isinstance(found, list) else set()


def hides(actor: Any) -> bool:
    """Whether an account asks not to be shown to readers without an account."""
    return _LABEL in labels(actor)


def of_hidden(value: Any) -> bool:
    """Whether a thing in a list is somebody who hides, or theirs, or passed on by them."""
    if not isinstance(value, Mapping):
        return False
    post, reason = value.get("post"), value.get("reason")
    people = [
        value,
        value.get("author"),
        value.get("actor"),
        post.get("author") if isinstance(post, Mapping) else None,
        reason.get("by") if isinstance(reason, Mapping) else None,
    ]
    return any(hides(person) for person in people)


def kept(answer: Answer, reduce: Callable[[str], str]) -> Answer:
    """Without pictures, descriptions and people who hide; texts as far as topics are read from them."""
    try:
        body = answer.json()
    except Unreadable:
        return replace(answer, body="")
    return replace(answer, body=json.dumps(_kept(body, reduce)))


def _kept(value: Any, reduce: Callable[[str], str]) -> Any:
    if isinstance(value, list):
        return [_kept(inner, reduce) for inner in value if not of_hidden(inner)]
    if not isinstance(value, dict):
        return value
    if hides(value) or hides(value.get("author")):
        # Who it is stays, so that a mapping sees that there is nothing to say of them.
        value = {name: inner for name, inner in value.items() if name in _BARE}
    return {
        name: reduce(inner) if name == "text" and isinstance(inner, str) else _kept(inner, reduce)
        for name, inner in value.items()
        if name not in _DROPPED
    }
