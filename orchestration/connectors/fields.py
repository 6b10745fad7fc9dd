"""Reading a service's JSON: a field has the type it should have, or Unreadable says which one has not.

Each reader takes an object and the path of a field in it. `maybe_…` gives None where the field is missing or
null; the others take that for a fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from orchestration.connectors.answers import Answer, Refused, Row, Unreadable

Node = Mapping[str, Any]
"""A JSON object."""

MOST = 2**63 - 1
"""What the lake's BIGINT holds."""

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_DIGITS = re.compile(r"[0-9]{1,19}", re.ASCII)


def node(value: Any, name: str) -> Node:
    """`value` itself, which must be an object."""
    if value is None:
        raise Unreadable("null_required", name)
    if not isinstance(value, dict):
        raise Unreadable("bad_type", f"{name} is no object")
    return value


def maybe_node(within: Node, *path: str) -> Node:
    """An object in an object; an empty one where it is missing or null."""
    value = _at(within, path)
    return {} if value is None else node(value, ".".join(path))


def a_node(within: Node, *path: str) -> Node:
    """An object in an object."""
    return node(_at(within, path), ".".join(path))


def array(within: Node, *path: str) -> list[Any]:
    """A list; an empty one where it is missing or null."""
    value = _at(within, path)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Unreadable("bad_type", f"{'.'.join(path)} is no list")
    return value


def objects(within: Any, *path: str) -> list[dict[str, Any]]:
    """The objects of a list, as far as it can be read: those who ask leave refusing to the mapping."""
    value = within
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(within: Node, *path: str) -> str:
    """A text that is not empty."""
    value = maybe_text(within, *path)
    if not value:
        raise Unreadable("null_required", ".".join(path))
    return value


def maybe_text(within: Node, *path: str) -> str | None:
    """A text, perhaps an empty one."""
    value = _at(within, path)
    if value is None:
        return None
    if not isinstance(value, str):
        raise Unreadable("bad_type", f"{'.'.join(path)} is no text")
    if _NO_TEXT.search(value):
        raise Unreadable("bad_text", ".".join(path))
    return value


def message(within: Node, *path: str) -> str:
    """A text that is only read for what it is about; empty where it is missing.

    What no text may hold is taken out and not refused: a stored message has only its topics left.
    """
    value = _at(within, path)
    if value is not None and not isinstance(value, str):
        raise Unreadable("bad_type", f"{'.'.join(path)} is no text")
    return _NO_TEXT.sub("\ufffd", value or "")


def identity(within: Node, *path: str) -> str:
    """An id, as text: services give them as text or as whole numbers."""
    value = maybe_identity(within, *path)
    if value is None:
        raise Unreadable("null_required", ".".join(path))
    return value


def maybe_identity(within: Node, *path: str) -> str | None:
    """An id, as text; None where it is missing, null or empty."""
    value = _at(within, path)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return maybe_text(within, *path) or None


def maybe_count(within: Node, *path: str) -> int | None:
    """A whole number that is not negative, also where the service writes it as text."""
    value = _at(within, path)
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise Unreadable("bad_type", f"{'.'.join(path)} is no whole number")
    if not 0 <= value <= MOST:
        raise Unreadable("out_of_range", ".".join(path))
    return value


def maybe_flag(within: Node, *path: str) -> bool | None:
    """True, False or None."""
    value = _at(within, path)
    if value is not None and not isinstance(value, bool):
        raise Unreadable("bad_type", f"{'.'.join(path)} is neither true nor false")
    return value


def moment(within: Node, *path: str) -> datetime:
    """A moment with its offset, in UTC."""
    value = maybe_moment(within, *path)
    if value is None:
        raise Unreadable("null_required", ".".join(path))
    return value


def maybe_moment(within: Node, *path: str) -> datetime | None:
    """A moment with its offset, in UTC; None where it is missing, null or empty."""
    value = maybe_text(within, *path)
    if not value:
        return None
    name = ".".join(path)
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        raise Unreadable("bad_type", f"{name} is no moment") from None
    if read.tzinfo is None:
        raise Unreadable("bad_type", f"{name} has no offset")
    try:
        return read.astimezone(UTC)
    except OverflowError:
        raise Unreadable("out_of_range", name) from None


def each(
    answer: Answer, name: str, values: Iterable[Any], read: Callable[[Node], Iterable[Row | Refused]]
) -> Iterator[Row | Refused]:
    """What `read` makes of every item of a list. An item that cannot be read is refused; the others go on."""
    for value in values:
        try:
            yield from read(node(value, name))
        except Unreadable as error:
            # Without the item's number: what is stored may lack private items, and must be refused alike.
            yield Refused(error.reason, f"{answer.endpoint}: {error.detail}")


def whole(answer: Answer, read: Callable[[], Iterable[Row | Refused]]) -> Iterator[Row | Refused]:
    """What `read` makes of a whole answer; one refusal where that cannot be read."""
    try:
        yield from read()
    except Unreadable as error:
        yield Refused(error.reason, f"{answer.endpoint}: {error.detail}")


def _at(within: Node, path: tuple[str, ...]) -> Any:
    value: Any = within
    for depth, key in enumerate(path):
        if value is None:
            return None
        if not isinstance(value, dict):
            raise Unreadable("bad_type", f"{'.'.join(path[:depth])} is no object")
        value = value.get(key)
    return value
