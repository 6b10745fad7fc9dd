"""HubSpot: batch updates of CRM objects, version 3. Every value is text; an empty text empties a property."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import urllib3
from hubspot import HubSpot
from hubspot.crm.objects import (
    BatchInputSimplePublicObjectBatchInput,
    BatchReadInputSimplePublicObjectId,
    SimplePublicObjectBatchInput,
    SimplePublicObjectId,
)
from hubspot.crm.objects.exceptions import ApiException

from orchestration.activation.destination import (
    DestinationError,
    Ids,
    MissingFieldError,
    Outcome,
    Record,
    Work,
)
from orchestration.activation.mapping import CrmMapping, Value, Values
from orchestration.activation.opening import Wait, required
from orchestration.activation.patience import Patience, TransientError
from orchestration.connectors.limits import is_refusal_by_limit, retry_after
from orchestration.settings import Settings

BATCH = 100
_ENOUGH = 10

# Named as the property that identifies a record, this is HubSpot's own id, which needs no naming.
_OWN_ID = "hs_object_id"

_MERGED = "HubSpot answered under another id: the contact was merged into another"

_NO_PROPERTY = re.compile(r'Property \\?"?([\w-]+)\\?"? does not exist')

T = TypeVar("T")


class _Answer(Protocol):
    """What the client gives back for a batch."""

    results: list[Any]
    errors: list[Any] | None


class HubSpotDestination:
    """One kind of object of one HubSpot account."""

    batch_size = at_once = BATCH
    writable: frozenset[str] | None = None

    def __init__(self, settings: Settings, crm: str, mapping: CrmMapping, wait: Wait) -> None:
        [token] = required(crm, hubspot_token=settings.hubspot_token)
        self.calls = 0
        self._of_calls: set[str | None] = set()  # what was said of a whole call, and of no record by its id
        self._object = mapping.object or "contacts"
        self._id_property = None if mapping.id_field in ("id", _OWN_ID) else mapping.id_field
        self._timeout = settings.crm_timeout
        self._patience = Patience(settings.crm_patience, wait)
        never = urllib3.Retry(
            total=0, redirect=False, status=0
        )  # what is repeated, and when, is decided here
        self._client = HubSpot(access_token=token, host=settings.hubspot_url.rstrip("/"), retry=never)

    def send(self, records: Sequence[Record], work: Work) -> list[Outcome]:
        outcomes = self._batch(records)
        said = {outcome.message for outcome in outcomes if outcome.fate == "refused"}
        alike = len(said) == 1 and all(outcome.fate == "refused" for outcome in outcomes)
        if len(outcomes) >= _ENOUGH and alike and said <= self._of_calls:
            # What is said of each of them is not about any of them, and each batch would cost as many calls.
            raise DestinationError(f"HubSpot refuses every record: {said.pop()}")
        return outcomes

    def _batch(self, records: Sequence[Record]) -> list[Outcome]:
        inputs = BatchInputSimplePublicObjectBatchInput(
            inputs=[
                SimplePublicObjectBatchInput(
                    id=record.contact_id,
                    id_property=self._id_property,
                    properties={name: _text(value) for name, value in record.values.items()},
                )
                for record in records
            ]
        )
        api = self._client.crm.objects.batch_api
        try:
            answer: _Answer = self._call(
                lambda: api.update(self._object, inputs, _request_timeout=self._timeout)
            )
        except _RefusedError as error:
            if len(records) == 1:
                self._of_calls.add(str(error))
                return [Outcome(records[0].contact_id, "refused", str(error))]
            # The whole batch was refused, as for a value that a property does not take: find whose it is.
            half = len(records) // 2
            return [*self._batch(records[:half]), *self._batch(records[half:])]
        return self._outcomes(records, answer)

    def _outcomes(self, records: Sequence[Record], answer: _Answer) -> list[Outcome]:
        ids = Ids(record.contact_id for record in records)
        written: set[str] = set()
        others = 0  # results that are none of these records'
        for result in answer.results or []:
            name = (result.properties or {}).get(self._id_property) if self._id_property else result.id
            if (one := ids.find(name or result.id)) is not None:
                written.add(one)
            elif name:
                others += 1
        refused: dict[str, str] = {}
        absent: set[str] = set()
        unnamed: str | None = None
        for error in getattr(answer, "errors", None) or []:
            named = [one for listed in (error.context or {}).values() for one in listed]
            ours = {own for name in named if (own := ids.find(name)) is not None}
            refused.update(dict.fromkeys(ours, error.message))
            if error.category == "OBJECT_NOT_FOUND":
                absent |= ours
            if not ours:
                unnamed = unnamed or error.message
        unmentioned = {record.contact_id for record in records} - written - refused.keys()
        # A contact that was merged into another is written as that one, whose id is none of those asked for.
        merged = not unnamed and len(unmentioned) <= others
        found = []
        for record in records:
            one = record.contact_id
            if one in refused:
                found.append(Outcome(one, "refused", refused[one], one in absent))
            elif one in written:
                found.append(Outcome(one, "confirmed"))
            elif merged:
                found.append(Outcome(one, "refused", _MERGED, absent=True))
            else:
                why = unnamed or "HubSpot's answer does not mention the record"
                found.append(Outcome(one, "refused" if unnamed or written else "failed", why))
        return found

    def settle(self, handle: str) -> None:
        """A call is done when it answers."""

    def read(self, contact_ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Values]:
        api = self._client.crm.objects.batch_api
        ours = Ids(contact_ids)
        wanted = [*fields, *([self._id_property] if self._id_property else [])]
        found: dict[str, Values] = {}
        for start in range(0, len(contact_ids), BATCH):
            inputs = BatchReadInputSimplePublicObjectId(
                inputs=[SimplePublicObjectId(id=one) for one in contact_ids[start : start + BATCH]],
                id_property=self._id_property,
                properties=wanted,
                properties_with_history=[],
            )
            try:
                answer: _Answer = self._call(
                    lambda inputs=inputs: api.read(self._object, inputs, _request_timeout=self._timeout)  # type: ignore[misc]
                )
            except _RefusedError as error:
                raise DestinationError(f"HubSpot cannot be read: {error}") from error
            for result in answer.results or []:
                properties: Mapping[str, Value] = result.properties or {}
                named = properties.get(self._id_property) if self._id_property else result.id
                contact_id = ours.find(named)
                if contact_id is not None:
                    found[contact_id] = {name: properties.get(name) for name in fields}
        return found

    def _call(self, action: Callable[[], T]) -> T:
        return self._patience.call(lambda: self._once(action))

    def _once(self, action: Callable[[], T]) -> T:
        self.calls += 1
        try:
            answer = action()
        except ApiException as error:
            raise _sorted(error) from error
        except urllib3.exceptions.HTTPError as error:
            raise TransientError(f"no answer: {type(error).__name__}") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise TransientError(f"an answer that is none: {type(error).__name__}") from error
        if getattr(answer, "results", None) is None:
            raise TransientError("an answer that is none, as a proxy's web page")
        return answer

    def close(self) -> None:
        """The client keeps no connection that needs closing."""


class _RefusedError(Exception):
    """HubSpot refused a batch as a whole."""


def _sorted(error: ApiException) -> Exception:
    """What an answer other than a success means."""
    headers = {name.lower(): value for name, value in dict(error.headers or {}).items()}
    status = int(error.status or 0)
    if is_refusal_by_limit(status, headers):
        return TransientError(f"rate limit ({status})", retry_after(headers, time.time()))
    if status >= 500 or status in (0, 423, 477):
        return TransientError(f"answered {status}", retry_after(headers, time.time()))
    page = "text/html" in headers.get("content-type", "") or _text(error.body).lstrip().startswith("<")
    if page and status >= 400:
        # A proxy's word about itself, not HubSpot's about a record.
        return TransientError(f"answered {status} with a web page")
    return _final(error, status)


def _final(error: ApiException, status: int) -> Exception:
    """What an answer means that will be the same next time."""
    if 300 <= status < 400:
        return DestinationError("HubSpot answers with a redirect; is STATURE_HUBSPOT_URL right?")
    if status in (401, 403):
        return DestinationError(
            f"HubSpot does not let us in ({_message(error)}): look at STATURE_HUBSPOT_TOKEN and the scopes "
            "of its private app"
        )
    message = _message(error)
    if missing := _NO_PROPERTY.search(message):
        # It is so for every record, and looking for the one at fault would take a call for each.
        return MissingFieldError(f"HubSpot has no property {missing[1]}", missing[1])
    return _RefusedError(message)


def _message(error: ApiException) -> str:
    """What HubSpot says, with its reasons where it lists them."""
    try:
        body = json.loads(error.body or "{}")
        said = [str(body["message"])]
        said += [str(one["message"]) for one in body.get("validationResults") or []]
    except (ValueError, KeyError, TypeError):
        return f"answered {error.status}"
    return ": ".join(said)[:500]


def _text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
