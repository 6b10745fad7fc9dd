"""Answers of Discourse forums as they may be stored: nothing private, and no texts but what topics need."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from orchestration.connectors.answers import Answer, Unreadable
from orchestration.connectors.discourse.posts import REGULAR, named_in
from orchestration.connectors.hypertext import as_html, text_of
from orchestration.connectors.storing import storable

PRIVATE, WITHHELD = "private_message", "withheld"
"""The archetype of a conversation, and what stands for it in a stored answer."""

_TEXTS = frozenset(
    {"title", "fancy_title", "topic_title", "topic_html_title", "excerpt", "description", "description_text",
     "bio_cooked", "bio_raw", "bio_excerpt", "text", "message", "edit_reason", "user_title",
     "description_excerpt"}
)  # fmt: skip
_DROPPED = frozenset(
    {"raw", "slug", "topic_slug", "suggested_topics", "related_topics", "link_counts", "links", "email",
     "secondary_emails", "unconfirmed_emails", "user_auth_tokens", "user_auth_token_logs", "custom_fields",
     "user_fields", "user_option", "associated_accounts", "registration_ip_address", "ip_address", "draft",
     "polls", "topic_timer", "allowed_pm_usernames", "website", "website_name", "user_date_of_birth",
     "date_of_birth"}
)  # fmt: skip


def stored(answer: Answer, reduce: Callable[[str], str]) -> Answer:
    """The answer without what only some may read, its texts put through `reduce`."""
    try:
        body = answer.json()
        if isinstance(body, dict) and body.get("archetype") == PRIVATE:
            body = {"archetype": WITHHELD}
        _stripped(body, reduce)
        stripped = replace(answer, body=json.dumps(body))
    except (Unreadable, RecursionError, ValueError):
        return replace(answer, body="")
    return storable(stripped, reduce, texts=_TEXTS, dropped=_DROPPED, private=is_private)


def is_private(value: dict[str, Any]) -> bool:
    """A conversation between some, a category for some, a whisper of the staff, a post that was hidden."""
    kind = value.get("post_type")
    whispered = isinstance(kind, int) and kind != REGULAR
    return (
        value.get("archetype") == PRIVATE
        or value.get("read_restricted") is True
        or ("cooked" in value and (value.get("hidden") is True or whispered))
    )


def _stripped(body: Any, reduce: Callable[[str], str]) -> None:
    """Reduce in place the texts of posts. Whom they name stays, as the links that a forum makes of names."""
    todo = [body]
    while todo:
        at = todo.pop()
        if isinstance(at, dict):
            cooked = at.get("cooked")
            if isinstance(cooked, str):
                names = (html.escape(name) for name in named_in(cooked))
                quotes = "".join(f'<aside class="quote" data-username="{name}"></aside>' for name in names)
                at["cooked"] = as_html(reduce(text_of(cooked))) + quotes
            todo.extend(at.values())
        elif isinstance(at, list):
            todo.extend(at)
