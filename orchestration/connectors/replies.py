"""Replies that do not say whose post they answer: they wait for the answer about that post, asked for next.

The pull writes them into what that request is about, so that the mapping of one answer needs no other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.contract_rows import activity
from orchestration.connectors.fields import whole


@dataclass(frozen=True)
class Told:
    """A post and its author."""

    content: str
    author: str


@dataclass(frozen=True)
class Reply:
    """A reply that waits. `target`: the parent's author, where that is known; `parent`: what to ask for."""

    content: str
    actor: str
    at: datetime
    target: str | None
    parent: str


def waiting(replies: Iterable[Reply]) -> dict[str, str]:
    """What the request for a parent is about: the replies to it, each once."""
    told = [[one.content, one.actor, one.at.isoformat(), one.target] for one in dict.fromkeys(replies)]
    return {"replies": json.dumps(told)}


def reply_row(
    network: str,
    reply: Reply,
    parent: Told | None,
    *,
    unnamed: str | None,
    unsaid: str,
) -> Row:
    """A reply to `parent`. Where nobody tells of that, the reply itself may still say whose it was.

    `unnamed` is then what the parent goes by. Unreadable, naming the field `unsaid`, where there is no
    target either.
    """
    author = parent.author if parent else reply.target
    if author is None:
        raise Unreadable("null_required", unsaid)
    content = parent.content if parent else unnamed
    return activity(
        network, "reply", reply.content, actor=reply.actor, at=reply.at, target=author, content=content
    )


def waited_for(
    network: str,
    answer: Answer,
    reading: Reading,
    read_parent: Callable[[Any], Told | None],
    *,
    unnamed: str,
    unsaid: str,
) -> Iterator[Row | Refused]:
    """The rows of the replies that waited for this answer. `read_parent` reads the post in its body.

    Unreadable where the post is damaged and a reply does not say itself whose it was.
    """
    parent, problem = None, None
    body = body_of(answer)
    if body is not None:
        try:
            parent = read_parent(body)
        except Unreadable as error:
            problem = error
    for content, actor, at, target in json.loads(answer.about.get("replies", "[]")):
        reply = Reply(content, actor, datetime.fromisoformat(at), target, "")
        if not reading.covers(reply.at):
            continue
        if parent is None and target is None and problem is not None:
            raise problem
        yield from whole(
            answer,
            lambda one=reply: iter([reply_row(network, one, parent, unnamed=unnamed, unsaid=unsaid)]),  # type: ignore[misc]
        )


def body_of(answer: Answer) -> Any:
    """The post that was asked for; None where it is gone, or was not stored."""
    return answer.json() if answer.ok else None
