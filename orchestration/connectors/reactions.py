"""Lists of those who reacted to a post, which say who and not when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from orchestration.connectors.answers import Answer, Reading, Refused, Row
from orchestration.connectors.contract_rows import activity, undated
from orchestration.connectors.fields import Node, each


def reaction_rows(
    network: str,
    kind: str,
    answer: Answer,
    reading: Reading,
    listed: Iterable[object],
    *,
    item: str,
    actor_of: Callable[[Node], str],
    profile_rows: Callable[[Node], Iterable[Row | Refused]],
) -> Iterator[Row | Refused]:
    """The reactions of a list, and the accounts in it. `item` is what the service calls one of these.

    The request says which post it is about: `content_id`, `account_id`, whose it is, and `at`, its date.
    """
    content, target = answer.about.get("content_id"), answer.about.get("account_id")
    posted = datetime.fromisoformat(answer.about["at"]) if "at" in answer.about else None
    at = undated(reading, answer, posted)
    # What came after the day belongs to a later one.
    ours = posted is None or posted < reading.until

    def read(profile: Node) -> Iterator[Row | Refused]:
        if content and target and ours:
            actor = actor_of(profile)
            made = f"{kind}:{content}:{actor}"
            yield activity(network, kind, made, actor=actor, at=at, target=target, content=content)
        yield from profile_rows(profile)

    if not content or not target:
        yield Refused("missing_column", f"{answer.endpoint}: the request does not say which post it is about")
    yield from each(answer, item, listed, read)
