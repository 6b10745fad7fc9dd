"""What a web API answered, and what a mapping makes of it. Nothing here asks for anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

REASONS = frozenset(
    {
        "missing_column", "bad_json", "bad_type", "null_required", "not_in_set", "out_of_range", "too_long",
        "bad_text",
    }
)  # fmt: skip
"""Why a mapping may refuse something: the codes of the quarantine that a mapping can tell."""


class Unreadable(Exception):  # noqa: N818 - it says what the body is
    """A body that is not what its service promises. `reason` is one of REASONS."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class Answer:
    """One answer of a web API as it came.

    `url` is as asked, without secrets; `received_at` is UTC; `about` is what the request was about and the
    answer does not say, such as {"account_id": "7", "content_id": "12"}.
    """

    network: str
    endpoint: str
    url: str
    status: int
    body: str
    received_at: datetime
    about: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the service gave what was asked for."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON. Unreadable (bad_json) where it is none, NaN and infinities included."""
        try:
            return json.loads(self.body, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise Unreadable("bad_json", f"{self.endpoint}: {_short(error)}") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _short(error: BaseException) -> str:
    return str(error)[:120] or type(error).__name__


@dataclass(frozen=True)
class Row:
    """A row of an input contract's table."""

    table: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Refused:
    """Something in an answer that cannot be a row. `detail` names the endpoint and the field, briefly."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Reading:
    """What a mapping may depend on besides the answer.

    What happened in [since, until) is this pull's; `since` is earlier than `day` where days before it could
    not be pulled. `topics(text, tags)` gives the topics that the taxonomy reads in them, each once, in order.
    """

    day: date
    since: datetime
    until: datetime
    topics: Callable[[str, Iterable[str]], list[str]]

    def covers(self, moment: datetime) -> bool:
        """Whether what happened then is this pull's."""
        return self.since <= moment < self.until
