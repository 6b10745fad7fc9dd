"""An answer of GitHub without what must not be stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from orchestration.connectors.answers import Answer, Unreadable
from orchestration.connectors.fields import objects
from orchestration.connectors.storing import storable

_TEXTS = frozenset(
    {"title", "body", "body_text", "body_html", "description", "bio", "message", "blog", "company"}
)
_DROPPED = frozenset({"commits", "pages", "diff_hunk", "_links", "base", "head", "milestone", "text_matches"})


def kept(answer: Answer, reduce: Callable[[str], str]) -> Answer:
    """Titles, bodies and descriptions reduced; commits, and everything private, gone."""
    return storable(_nameless(answer), reduce, texts=_TEXTS, dropped=_DROPPED, private=_private)


def _nameless(answer: Answer) -> Answer:
    """Releases have titles, too, which are called names, as accounts and repositories have them."""
    if answer.endpoint not in ("events", "repo_events"):
        return answer
    try:
        events = answer.json()
        for event in objects(events):
            payload = event.get("payload")
            release = payload.get("release") if isinstance(payload, dict) else None
            if isinstance(release, dict):
                release.pop("name", None)
        return replace(answer, body=json.dumps(events))
    except (Unreadable, RecursionError):
        return replace(answer, body="")


def _private(item: Mapping[str, Any]) -> bool:
    repository = item.get("repo")
    return (
        item.get("private") is True
        or item.get("visibility") in ("private", "internal")
        or item.get("public") is False
        or (isinstance(repository, dict) and _private(repository))
    )
