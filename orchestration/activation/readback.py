"""Whether the CRM holds what it was sent, its own ways of writing a value allowed for."""

from __future__ import annotations

import hashlib
import html
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime

from orchestration.activation.mapping import Value, Values


def sample(written: Mapping[str, Values], count: int, seed: str) -> list[str]:
    """Up to `count` of the records, another choice with each seed and the same with the same.

    Of each field there is a record with a value, where any has one: an empty field shows nothing.
    """
    order = sorted(written, key=lambda one: hashlib.sha256(f"{seed}\n{one}".encode()).digest())
    chosen: list[str] = []
    seen: set[str] = set()
    for one in order:
        new = {name for name, value in written[one].items() if not is_empty(value)} - seen
        if new and len(chosen) < count:
            chosen.append(one)
            seen |= new
    taken = set(chosen)
    chosen += [one for one in order if one not in taken][: count - len(chosen)]
    return sorted(chosen)


def differences(sent: Values, found: Values) -> list[str]:
    """Fields whose value did not arrive. A field that was not sent is not looked at."""
    return [name for name, value in sent.items() if not _same(value, found.get(name))]


def _same(sent: Value, found: Value) -> bool:
    if is_empty(sent):
        return is_empty(found) or is_default(found)  # no CRM's checkbox can be empty
    if is_empty(found):
        return False
    if isinstance(sent, bool):
        return _plain(found) in (("true", "1", "t", "yes") if sent else ("false", "0", "f", "no"))
    if isinstance(sent, int | float):
        number = _number(found)
        # A CRM's field may have fewer digits than ours: half of its last one, and never another number.
        return number is not None and abs(number - sent) <= 0.5 * 10.0 ** -_digits(number) + 1e-9
    text, other = _plain(sent), _plain(found)
    # A day may come back as a moment of that day, also counted in milliseconds since 1970.
    return text == other or (
        len(text) == 10 and (other.replace("t", " ").startswith(f"{text} 00:00") or other == _millis(text))
    )


def _digits(number: float) -> int:
    """Digits behind the point that a number shows."""
    return len(f"{number:.6f}".rstrip("0").partition(".")[2])


def _millis(text: str) -> str | None:
    try:
        return str(int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000))
    except ValueError:
        return None


def is_empty(value: Value) -> bool:
    """Whether a field holds nothing."""
    return value is None or value == ""


def is_default(value: Value) -> bool:
    """Whether a field holds what a CRM writes where nobody wrote anything."""
    return _plain(value) in ("false", "0", "0.0")


def _number(value: Value) -> float | None:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _plain(value: Value) -> str:
    """Text without what CRMs are known to change: white space, composition, case, signs as HTML."""
    text = "true" if value is True else "false" if value is False else str(value)
    return " ".join(unicodedata.normalize("NFC", html.unescape(text)).split()).casefold()
