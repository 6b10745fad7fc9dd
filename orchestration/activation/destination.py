"""What a CRM's module offers to apply, and the ways in which a call can end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from orchestration.activation.mapping import Values

Fate = Literal["confirmed", "refused", "failed"]


class DestinationError(Exception):
    """The sync cannot go on until somebody does something; says what. What was not sent stays as it is."""


class UnansweredError(Exception):
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
    decision about this record, and may have written it or not.
    """

    contact_id: str
    fate: Fate
    message: str | None = None


class Destination(Protocol):
    """One CRM, open for writing. `calls` counts its requests, repeated ones included."""

    batch_size: int

    @property
    def calls(self) -> int:
        """Requests so far."""

    def send(self, records: Sequence[Record], note: Callable[[str], None]) -> list[Outcome]:
        """Write one batch; an outcome for each record.

        `note` is told a handle as soon as the CRM has begun work that outlives the call. Raises
        UnansweredError where nothing is known of the whole batch, DestinationError where all further
        sending is pointless.
        """

    def settle(self, handle: str) -> None:
        """End or await the work of an earlier run, so that it cannot write after this one."""

    def read(self, contact_ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Values] | None:
        """The CRM's values of these fields, by contact; contacts that it does not have are left out.

        None where this destination cannot be read.
        """

    def close(self) -> None:
        """Let go of connections."""
