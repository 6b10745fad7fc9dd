"""A CRM's record, read field by field: the same value comes as JSON, as CSV or as text in JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from orchestration.connectors.answers import Unreadable
from orchestration.connectors.crm.fields import Verdict

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS = re.compile(r"-?[0-9]{11,15}", re.ASCII)
_YEAR = re.compile(r"[0-9]{4}", re.ASCII)
_YEARS = (1850, 2100)
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)

_Name = TypeVar("_Name")
_Value = TypeVar("_Value")


class Record:
    """One record; `where` names the endpoint, for messages. Readers give None for what is missing or empty,
    and raise Unreadable for what is not of the type asked for. `left_out`: what was taken for empty then."""

    def __init__(self, values: Any, where: str) -> None:
        if not isinstance(values, Mapping):
            raise Unreadable("bad_type", f"{where}: a record is no object")
        self.values: Mapping[str, Any] = values
        self.where = where
        self.left_out: list[Unreadable] = []

    def if_readable(self, read: Callable[[_Name], _Value | None], name: _Name) -> _Value | None:
        """What one of the readers reads; None, and a note in `left_out`, where it cannot be read.

        One odd value in a field that may be empty is no reason to lose the record.
        """
        try:
            return read(name)
        except Unreadable as error:
            self.left_out.append(Unreadable(error.reason, f"{error.detail}, left empty"))
            return None

    def text(self, name: str | None) -> str | None:
        """A text without outer blanks; numbers and truth values as JSON writes them."""
        value = self._at(name)
        if value is None:
            return None
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return str(value)
        if not isinstance(value, str):
            raise self._unreadable("bad_type", name)
        if _NO_TEXT.search(value):
            raise self._unreadable("bad_text", name)
        return value.strip() or None

    def required(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise self._unreadable("null_required", name)
        return value

    def number(self, name: str | None) -> float | None:
        told = self.text(name)
        if told is None:
            return None
        try:
            value = float(told)
        except ValueError:
            raise self._unreadable("bad_type", name) from None
        if not math.isfinite(value):
            raise self._unreadable("out_of_range", name)
        return value

    def moment(self, name: str | None) -> datetime | None:
        """A moment in UTC: ISO 8601 with its offset, or milliseconds since 1970. A date is its midnight."""
        told = self.text(name)
        if told is None:
            return None
        try:
            if _MILLISECONDS.fullmatch(told):
                return _EPOCH + timedelta(milliseconds=int(told))
            read = datetime.fromisoformat(told)
            if read.tzinfo is None and len(told) > len("2026-01-01"):
                raise self._unreadable("bad_type", name)
            return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
        except ValueError:
            raise self._unreadable("bad_type", name) from None
        except OverflowError:
            raise self._unreadable("out_of_range", name) from None

    def required_moment(self, name: str) -> datetime:
        value = self.moment(name)
        if value is None:
            raise self._unreadable("null_required", name)
        return value

    def day(self, name: str | None) -> date | None:
        value = self.moment(name)
        return value.date() if value else None

    def year(self, name: str | None) -> int | None:
        """A year, given as such or as a date."""
        told = self.text(name)
        if told is None:
            return None
        if _YEAR.fullmatch(told):
            year = int(told)
        else:
            found = self.day(name)
            year = found.year if found else 0
        if not _YEARS[0] <= year <= _YEARS[1]:
            raise self._unreadable("out_of_range", name)
        return year

    def currency(self, name: str | None) -> str | None:
        """A currency as ISO 4217 writes it: three letters, in capitals."""
        told = self.text(name)
        if told is None:
            return None
        if not _CURRENCY.fullmatch(told):
            raise self._unreadable("not_in_set", name)
        return told.upper()

    def says(self, verdict: Verdict | None) -> bool | None:
        """Yes, no, or nothing."""
        told = self.text(verdict.field) if verdict else None
        if verdict is None or told is None:
            return None
        told = told.casefold()
        if told in {value.casefold() for value in verdict.means_no}:
            return False
        return True if {told, "*"} & {value.casefold() for value in verdict.means_yes} else None

    def one_of(self, name: str | None, values: Mapping[str, str]) -> str | None:
        """What the field's value stands for; None where it stands for nothing."""
        told = self.text(name)
        if told is None:
            return None
        return {value.casefold(): meaning for value, meaning in values.items()}.get(told.casefold())

    def _at(self, name: str | None) -> Any:
        if name is None:
            return None
        if name in self.values:
            return self.values[name]
        value: Any = self.values
        for part in name.split("."):
            if not isinstance(value, Mapping):
                return None
            value = value.get(part)
        return value

    def _unreadable(self, reason: str, name: str | None) -> Unreadable:
        return Unreadable(reason, f"{self.where}: {name}")
