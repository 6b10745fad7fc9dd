"""Whether the CRM holds what it was sent, its own ways of writing a value allowed for."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence

from orchestration.activation.mapping import CrmMapping, Value, Values


def sample(contact_ids: Sequence[str], count: int, seed: str) -> list[str]:
    """Up to `count` of the ids, another choice with each seed and the same with the same."""
    chosen = sorted(contact_ids, key=lambda one: hashlib.sha256(f"{seed}\n{one}".encode()).digest())
    return sorted(chosen[:count])


def differences(mapping: CrmMapping, sent: Values, found: Values) -> list[str]:
    """Fields whose value did not arrive. A field that was not sent is not looked at."""
    tolerances = {field.field: field.tolerance for field in mapping.fields}
    return [
        name for name, value in sent.items() if not _same(value, found.get(name), tolerances.get(name, 0.0))
    ]


def _same(sent: Value, found: Value, tolerance: float) -> bool:
    if _empty(sent) or _empty(found):
        return _empty(sent) and _empty(found)
    if isinstance(sent, bool):
        return _plain(found) in (("true", "1", "t", "yes") if sent else ("false", "0", "f", "no"))
    if isinstance(sent, int | float):
        number = _number(found)
        # A CRM's field may have fewer digits than ours, never another number.
        return number is not None and abs(number - sent) <= max(tolerance, 1e-6)
    text, other = _plain(sent), _plain(found)
    # A day may come back as a moment of that day.
    return text == other or (len(text) == 10 and other.startswith(f"{text}t00:00"))


def _empty(value: Value) -> bool:
    return value is None or value == ""


def _number(value: Value) -> float | None:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _plain(value: Value) -> str:
    """Text without what CRMs are known to change: outer and repeated white space, composition, case."""
    text = "true" if value is True else "false" if value is False else str(value)
    return " ".join(unicodedata.normalize("NFC", text).split()).casefold()
