"""Answers of Mastodon's API as they may be stored: nothing private, and no texts but what topics need."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from orchestration.connectors.answers import Answer, Unreadable
from orchestration.connectors.hypertext import as_html, links_of, text_of
from orchestration.connectors.mastodon.statuses import is_withheld
from orchestration.connectors.storing import storable

_TEXTS = frozenset(
    {"content", "spoiler_text", "note", "text", "title", "description", "comment", "warning", "phrase"}
)
_DROPPED = frozenset(
    {"card", "poll", "media_attachments", "application", "source", "filtered", "params", "plain_text",
     "spoiler_text_plain", "email", "contact", "contact_account"}
)  # fmt: skip


def stored(answer: Answer, reduce: Callable[[str], str]) -> Answer:
    """The answer without posts that not everybody may read, its texts put through `reduce`."""
    try:
        body = answer.json()
        _stripped(body)
        stripped = replace(answer, body=json.dumps(body))
    except (Unreadable, RecursionError, ValueError):
        return replace(answer, body="")
    return storable(
        stripped,
        lambda text: as_html(reduce(text_of(text))),
        texts=_TEXTS,
        dropped=_DROPPED,
        private=_is_private,
    )


def _is_private(value: dict[str, Any]) -> bool:
    return is_withheld(value) or is_withheld(value.get("reblog"))


def _stripped(body: Any) -> None:
    """Take out in place what goes by its shape: posts of unknown visibility, and fields of profiles."""
    todo = [body]
    while todo:
        at = todo.pop()
        if isinstance(at, dict):
            if "content" in at and not isinstance(at.get("visibility"), str):
                at.clear()
                at["visibility"] = None
                continue
            if isinstance(at.get("fields"), list):
                for line in at["fields"]:
                    _bare(line)
            todo.extend(at.values())
        elif isinstance(at, list):
            todo.extend(at)


def _bare(line: Any) -> None:
    """Of a profile's line, leave only an address that is proved to be the account's own."""
    if not isinstance(line, dict):
        return
    line["name"] = ""
    value = line.get("value")
    if isinstance(value, str):
        linked = next(iter(links_of(value)), value)
        line["value"] = as_html(linked) if line.get("verified_at") and "/" in value else ""
