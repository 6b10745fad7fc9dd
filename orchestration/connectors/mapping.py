"""What every mapping from a service's JSON to contract rows needs: typed reading, and rows with made ids."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, TypeVar

from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable

_T = TypeVar("_T")

_LARGEST = 2**63 - 1
_SHOWN = 40
_NOT_TEXT = re.compile(r"[\x00\ud800-\udfff]")
_TAG = re.compile(r"<[^<>]*>")
_HIDDEN = re.compile(r"<(script|style)\b[^<>]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)


class Item:
    """A JSON object of an answer, read field by field with each type checked.

    `where` names the endpoint and the place in it, for messages. The methods raise Unreadable with a reason
    of the quarantine; those called `maybe_…` give None where the field is missing or null.
    """

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise Unreadable("bad_type", f"{where}: {_kind(value)} and no object")
        self.value: Mapping[str, Any] = value
        self.where = where

    def place(self, name: str) -> str:
        return f"{self.where}.{name}"

    def maybe_text(self, name: str) -> str | None:
        value = self.value.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self._wrong(name, "text")
        if _NOT_TEXT.search(value):
            raise Unreadable("bad_text", f"{self.place(name)} holds NUL or half a character")
        return value

    def text(self, name: str) -> str:
        return self._there(name, self.maybe_text(name))

    def maybe_identifier(self, name: str) -> str | None:
        """An id as text; services give them as text or as whole numbers. Empty text is none."""
        value = self.value.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return self.maybe_text(name) or None

    def identifier(self, name: str) -> str:
        return self._there(name, self.maybe_identifier(name))

    def maybe_count(self, name: str) -> int | None:
        """A number of things: a whole number of at least 0, or the same in digits."""
        value = self.value.get(name)
        if value is None:
            return None
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,19}", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._wrong(name, "a whole number")
        if not 0 <= value <= _LARGEST:
            raise Unreadable("out_of_range", f"{self.place(name)} is {str(value)[:_SHOWN]}")
        return value

    def maybe_flag(self, name: str) -> bool | None:
        value = self.value.get(name)
        if value is not None and not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def maybe_moment(self, name: str) -> datetime | None:
        """A time written as ISO 8601, in UTC; one without an offset is UTC."""
        value = self.maybe_text(name)
        if value is None:
            return None
        try:
            found = datetime.fromisoformat(value.strip())
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        except (ValueError, OverflowError):
            raise self._wrong(name, "a time") from None

    def moment(self, name: str) -> datetime:
        return self._there(name, self.maybe_moment(name))

    def maybe_epoch(self, name: str) -> datetime | None:
        """A time written as whole seconds since 1970."""
        value = self.value.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._wrong(name, "seconds since 1970")
        try:
            return datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError):
            raise Unreadable("out_of_range", f"{self.place(name)} is {str(value)[:_SHOWN]}") from None

    def epoch(self, name: str) -> datetime:
        return self._there(name, self.maybe_epoch(name))

    def maybe_item(self, name: str) -> Item | None:
        value = self.value.get(name)
        return None if value is None else Item(value, self.place(name))

    def item(self, name: str) -> Item:
        return self._there(name, self.maybe_item(name))

    def sequence(self, name: str) -> list[Any]:
        """A list; empty where it is missing or null."""
        value = self.value.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._wrong(name, "a list")
        return value

    def texts(self, name: str) -> list[str]:
        """The texts of a list; what is none is passed over."""
        return [v for v in self.sequence(name) if isinstance(v, str) and not _NOT_TEXT.search(v)]

    def _there(self, name: str, value: _T | None) -> _T:
        if value is None:
            raise Unreadable("null_required", f"{self.place(name)} is missing")
        return value

    def _wrong(self, name: str, expected: str) -> Unreadable:
        return Unreadable("bad_type", f"{self.place(name)}: {_kind(self.value.get(name))} and not {expected}")


def _kind(value: Any) -> str:
    """What a value is, in words, and never the value itself: details are kept, and values are personal."""
    names = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return "nothing" if value is None else names.get(type(value), "an object")


def each(
    values: Iterable[Any], where: str, read: Callable[[Item], Iterable[Row | Refused]]
) -> Iterator[Row | Refused]:
    """The rows of each object of a list. One that cannot be read is refused, and the others go on."""
    for at, value in enumerate(values):
        yield from attempt(lambda value=value, at=at: read(Item(value, f"{where}[{at}]")))  # type: ignore[misc]


def attempt(read: Callable[[], Iterable[Row | Refused]]) -> Iterator[Row | Refused]:
    """What `read` gives; where it stumbles over a body, the refusal comes after what it gave until then."""
    try:
        yield from read()
    except Unreadable as problem:
        yield Refused(problem.reason, problem.detail)


def whole(answer: Answer) -> Item:
    """The body as one object. Unreadable."""
    return Item(answer.json(), answer.endpoint)


def about(answer: Answer, name: str) -> str:
    """What the request was about. Unreadable (missing_column) where nobody wrote it down."""
    try:
        return answer.about[name]
    except KeyError:
        raise Unreadable("missing_column", f"{answer.endpoint}: the request does not say {name}") from None


def plain(text: str) -> str:
    """HTML as text. What has no tags and no entities stays as it is but for its spaces."""
    bare = html.unescape(_TAG.sub(" ", _HIDDEN.sub(" ", text)))
    return " ".join(bare.split())


# --- time -----------------------------------------------------------------------------------------


def undated(answer: Answer, reading: Reading, not_before: datetime | None = None) -> datetime:
    """When a thing happened that its service does not date: noon of the pull's day, as a rule.

    Not before `not_before` (the time of what was reacted to), as long as that is before the day ended; never
    after the answer came. The same answer gives the same time.
    """
    noon = datetime.combine(reading.day, time(12), UTC)
    moment = max(noon, not_before) if not_before is not None else noon
    return min(moment, reading.until - timedelta(microseconds=1), answer.received_at)


# --- rows -----------------------------------------------------------------------------------------


def activity(
    network: str,
    activity_id: str,
    kind: str,
    actor: str,
    occurred_at: datetime,
    *,
    target: str | None = None,
    content: str | None = None,
    topics: Iterable[str] = (),
) -> Row:
    """A row of activities."""
    values = {
        "network": network,
        "activity_id": activity_id,
        "kind": kind,
        "actor_account_id": actor,
        "target_account_id": target,
        "content_id": content,
        "occurred_at": occurred_at,
        "topics": list(topics),
    }
    return Row("activities", values)


def post(network: str, content: str, actor: str, occurred_at: datetime, topics: Iterable[str] = ()) -> Row:
    return activity(network, content, "post", actor, occurred_at, content=content, topics=topics)


def reaction(network: str, kind: str, content: str, actor: str, target: str, occurred_at: datetime) -> Row:
    """A like or repost without an id of its own: the made one is the same in every pull."""
    made = f"{kind}:{content}:{actor}"
    return activity(network, made, kind, actor, occurred_at, target=target, content=content)


def follow(network: str, actor: str, target: str, occurred_at: datetime) -> Row:
    return activity(network, f"follow:{actor}:{target}", "follow", actor, occurred_at, target=target)


def mention(
    network: str, content: str, actor: str, target: str, occurred_at: datetime, topics: Iterable[str] = ()
) -> Row:
    """An account named in `content`, which `actor` wrote."""
    made = f"mention:{content}:{target}"
    return activity(network, made, "mention", actor, occurred_at, target=target, topics=topics)


def account(network: str, account_id: str, handle: str, observed_at: datetime, **known: Any) -> Row:
    """A row of accounts; `known` holds what else the service says, by the contract's names."""
    values = {"network": network, "account_id": account_id, "handle": handle, "observed_at": observed_at}
    return Row("accounts", values | known)


def deletion(network: str, content: str, deleted_at: datetime) -> Row:
    return Row("deletions", {"network": network, "content_id": content, "deleted_at": deleted_at})
