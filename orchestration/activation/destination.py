"""What a CRM's module offers to apply, and the ways in which a call can end."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from orchestration.activation.mapping import Values

Fate = Literal["confirmed", "refused", "failed"]


class EndedError(Exception):
    """Sending that came to no end. `outcomes` are those of the records of which something is known."""

    def __init__(self, message: str, outcomes: Sequence[Outcome] = ()) -> None:
        super().__init__(message)
        self.outcomes = tuple(outcomes)


class DestinationError(EndedError):
    """The sync cannot go on until somebody does something; says what. What was not sent stays as it is."""


class MissingFieldError(DestinationError):
    """The CRM does not have one of the fields."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


class UnansweredError(EndedError):
    """A call that brought no answer after all tries. Whether it arrived is not known."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record to write. A None empties its field; fields that are not in `values` are not touched."""

    contact_id: str
    values: Values


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the CRM said about one record.

    `confirmed`: it has the values. `refused`: it does not take them, with its reason. `failed`: it came to no
    decision about this record, and may have written it or not. `absent`: it has no such record.
    """

    contact_id: str
    fate: Fate
    message: str | None = None
    absent: bool = False


class Work(Protocol):
    """Keeps in mind what the CRM goes on doing after a call, until it is seen to have ended."""

    def begun(self, handle: str) -> None: ...

    def ended(self, handles: Collection[str]) -> None: ...


class Destination(Protocol):
    """One CRM, open for writing.

    `batch_size`: records that one of its calls may carry. `at_once`: records that `send` is given at a time;
    their fates are written down together. `writable`: the fields it has a place for; None: any.
    `calls` counts its requests, repeated ones included.
    """

    batch_size: int
    at_once: int
    writable: frozenset[str] | None

    @property
    def calls(self) -> int:
        """Requests so far."""

    def send(self, records: Sequence[Record], work: Work) -> list[Outcome]:
        """Write these records; an outcome for each.

        `work` is told a handle as soon as the CRM has begun something that outlives the call, and again when
        that has ended. Raises UnansweredError where nothing is known of all these records, DestinationError
        where all further sending is pointless.
        """

    def settle(self, handle: str) -> None:
        """End or await the work of an earlier run, so that it cannot write after this one."""

    def read(self, contact_ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Values] | None:
        """The CRM's values of these fields, by contact; contacts that it does not have are left out.

        None where this destination cannot be read.
        """

    def close(self) -> None:
        """Let go of connections."""


class Ids:
    """Ids as we know them, found by what a CRM calls their records."""

    def __init__(self, ids: Iterable[str], fold: Callable[[str], str] | None = None) -> None:
        self._fold = fold or folded
        self._exact = set(ids)
        alike: dict[str, list[str]] = {}
        for one in self._exact:
            alike.setdefault(self._fold(one), []).append(one)
        # Two that only differ in what a CRM may change are two records, if anybody's.
        self._folded = {key: found[0] for key, found in alike.items() if len(found) == 1}

    def find(self, name: object) -> str | None:
        """Our id for the CRM's; None where it is none of ours."""
        text = str(name)
        return text if text in self._exact else self._folded.get(self._fold(text))


def folded(contact_id: str) -> str:
    """An id as it can be compared: a CRM trims an e-mail address, writes it small and its domain in ASCII."""
    text = unicodedata.normalize("NFC", contact_id.strip()).casefold()
    local, at, domain = text.rpartition("@")
    if not at or domain.isascii():
        return text
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return text
