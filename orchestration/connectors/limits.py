"""What a service says of its limits, read from an answer's headers. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# name of what is left, of when it is filled up again, and whether each endpoint has a limit of its own
_FAMILIES = (
    ("x-ratelimit-remaining", "x-ratelimit-reset", False),  # GitHub, Mastodon
    ("x-rate-limit-remaining", "x-rate-limit-reset", True),  # X
    ("ratelimit-remaining", "ratelimit-reset", False),  # AT Protocol, and the IETF's draft
)
_RESOURCE = "x-ratelimit-resource"  # GitHub: one limit for search, another for the rest
_EPOCH = 1_000_000_000  # a larger number is a time, a smaller one seconds from now
_PIECES = re.compile(r'^\s*"?[^;"]*"?\s*;.*?\br=(\d+)(?:.*?\bt=(\d+))?')


@dataclass(frozen=True)
class Limit:
    """Nothing is left until `until` (seconds since 1970) for requests of `scope`; empty: of the host."""

    scope: str
    until: float


class KnownLimits:
    """The limits of a network's hosts that are used up at the moment."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], float] = {}
        self._resources: dict[str, str] = {}

    def learn(self, host: str, endpoint: str, headers: Mapping[str, str], now: float) -> None:
        """Take in what an answer says."""
        if resource := headers.get(_RESOURCE):
            self._resources[endpoint] = resource
        for limit in exhausted(headers, endpoint, now):
            self._until[host, limit.scope] = limit.until

    def take(self, host: str, endpoint: str, now: float) -> float:
        """Seconds until an endpoint may be asked again, which the caller waits: they are told once."""
        scopes = {"", endpoint, self._resources.get(endpoint, "core")}
        return max([0.0, *(self._until.pop((host, scope), now) - now for scope in scopes)])


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the service asks to wait: Retry-After as seconds or as a date, else the limit's reset."""
    value = headers.get("retry-after", "").strip()
    if value:
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value)
        try:
            date = parsedate_to_datetime(value)
        except (ValueError, IndexError, TypeError):
            pass
        else:
            aware = date if date.tzinfo else date.replace(tzinfo=UTC)
            return max(0.0, aware.timestamp() - now)
    resets = [until for _, until, _ in _told(headers, now) if until is not None]
    return max(0.0, max(resets) - now) if resets else None


def exhausted(headers: Mapping[str, str], endpoint: str, now: float) -> list[Limit]:
    """The limits that this answer used up."""
    return [
        Limit(headers.get(_RESOURCE, "") or (endpoint if own else ""), until)
        for remaining, until, own in _told(headers, now)
        if remaining == 0 and until is not None and until > now
    ]


def is_refusal_by_limit(status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer says: later. GitHub says it with 403 as well, others with 503."""
    if status == 429:
        return True
    if status == 403:
        return "retry-after" in headers or headers.get("x-ratelimit-remaining", "").strip() == "0"
    return status == 503 and "retry-after" in headers


def _told(headers: Mapping[str, str], now: float) -> list[tuple[int | None, float | None, bool]]:
    """What is left, when it is filled up again, and whether that holds for the endpoint alone."""
    found: list[tuple[int | None, float | None, bool]] = []
    for remaining, reset, own in _FAMILIES:
        if remaining in headers or reset in headers:
            found.append((_number(headers.get(remaining)), _moment(headers.get(reset), now), own))
    if combined := _PIECES.match(headers.get("ratelimit", "")):
        seconds = combined.group(2)
        found.append((int(combined.group(1)), now + float(seconds) if seconds else None, False))
    return found


def _number(text: str | None) -> int | None:
    found = re.match(r"\s*(\d{1,12})", text or "")
    return int(found.group(1)) if found else None


def _moment(text: str | None, now: float) -> float | None:
    """A reset as seconds since 1970: services write that, or seconds from now, or ISO 8601 (Mastodon)."""
    value = (text or "").strip()
    if re.fullmatch(r"\d{1,12}(\.\d+)?", value):
        number = float(value)
        return number if number >= _EPOCH else now + number
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
