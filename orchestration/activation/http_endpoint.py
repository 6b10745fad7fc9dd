"""Any CRM with an HTTP API: one request a record, as the mapping describes it."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from orchestration.activation.destination import DestinationError, Outcome, Record, UnansweredError, Work
from orchestration.activation.mapping import PLACE, SEND_ID, CrmMapping, Endpoint, Value, Values
from orchestration.activation.opening import Wait, secret
from orchestration.activation.patience import Patience, TransientError
from orchestration.connectors.limits import is_refusal_by_limit, retry_after
from orchestration.settings import Settings

# Few enough that not much is asked again after a crash.
AT_ONCE = 50
# So many records in a row without an answer, or shut out before any was let in, are about the CRM.
_SILENT = 3

_STEP = re.compile(r"([^.\[\]]+)(?:\[([^=\]]+)=([^\]]*)\])?(?:\.|$)")


class HttpDestination:
    """Requests made of the mapping's templates. `{name}` is contact_id, send_id or a mapped field."""

    batch_size = 1
    at_once = AT_ONCE

    def __init__(self, settings: Settings, crm: str, mapping: CrmMapping, wait: Wait) -> None:
        if mapping.send is None:
            raise DestinationError(f"The mapping of {crm} does not say how to send a record.")
        self.calls = 0
        self._send, self._read = mapping.send, mapping.read
        if mapping.misfit:
            raise DestinationError(mapping.misfit)
        self.writable: frozenset[str] | None = frozenset(mapping.names)
        self._let_in, self._shut_out = False, 0
        headers = {mapping.secret_header: secret(settings, crm)} if mapping.secret_header else {}
        self._patience = Patience(settings.crm_patience, wait)
        self._client = httpx.Client(
            headers=headers, timeout=settings.crm_timeout, follow_redirects=False, trust_env=False
        )

    def send(self, records: Sequence[Record], work: Work) -> list[Outcome]:
        outcomes: list[Outcome] = []
        silent = 0
        for record in records:
            try:
                outcomes.append(self._one(record))
                silent = 0
            except DestinationError as error:
                raise DestinationError(str(error), outcomes) from error
            except UnansweredError as error:
                # What this record does to the CRM, another need not: only several in a row are an outage.
                outcomes.append(Outcome(record.contact_id, "failed", str(error)))
                silent += 1
                if silent >= _SILENT or silent == len(records):
                    raise UnansweredError(str(error), outcomes) from error
        return outcomes

    def _one(self, record: Record) -> Outcome:
        if record.contact_id in (".", ".."):
            return Outcome(record.contact_id, "refused", "this is no id: in an address it leads elsewhere")
        values = {"contact_id": record.contact_id, **record.values, SEND_ID: _send_id(record)}
        response = self._call(self._send, values, _without(self._send.body, set(record.values)))
        if response.status_code == 403:
            # Of one record it is about that record. Of the first ones it is about us.
            self._shut_out += 1
            if not self._let_in and self._shut_out >= _SILENT:
                raise _not_let_in(403)
            return Outcome(record.contact_id, "refused", _reason(response))
        self._let_in = True
        if response.is_success:
            return Outcome(record.contact_id, "confirmed")
        absent = response.status_code in (404, 410)
        return Outcome(record.contact_id, "refused", _reason(response), absent)

    def settle(self, handle: str) -> None:
        """A call is done when it answers."""

    def read(self, contact_ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Values] | None:
        if self._read is None:
            return None
        places = self._read.values
        if missing := [name for name in fields if name not in places]:
            raise DestinationError(f"the mapping does not say where to read {missing[0]}")
        found: dict[str, Values] = {}
        for contact_id in contact_ids:
            response = self._call(self._read, {"contact_id": contact_id}, self._read.body)
            if response.status_code == 404:
                continue
            if not response.is_success:
                raise DestinationError(f"reading a record back: {_reason(response)}")
            try:
                body = response.json()
            except ValueError as error:
                raise DestinationError("reading a record back: the answer is no JSON") from error
            found[contact_id] = {name: look_up(body, places[name]) for name in fields}
        return found

    def _call(self, endpoint: Endpoint, values: Mapping[str, Value], body: Any) -> httpx.Response:
        url = PLACE.sub(lambda found: quote(_text(values.get(found[1])), safe=""), endpoint.url)
        headers = {name: _filled_text(text, values) for name, text in endpoint.headers.items()}
        content = None if body is None else _filled(body, values)
        return self._patience.call(lambda: self._once(endpoint.method, url, headers, content))

    def _once(self, method: str, url: str, headers: Mapping[str, str], body: Any) -> httpx.Response:
        self.calls += 1
        try:
            response = self._client.request(method, url, headers=dict(headers), json=body)
        except httpx.TransportError as error:
            raise TransientError(f"no answer: {type(error).__name__}") from error
        except httpx.InvalidURL as error:
            raise DestinationError(f"the mapping's address is none: {error}") from error
        if is_refusal_by_limit(response.status_code, response.headers):
            told = retry_after(dict(response.headers), time.time())
            raise TransientError(f"rate limit ({response.status_code})", told)
        if response.status_code >= 500:
            raise TransientError(f"answered {response.status_code}")
        if "text/html" in response.headers.get("Content-Type", "") and response.is_success:
            # A log-in page, a proxy's: not the CRM's word about the record.
            raise TransientError(f"answered {response.status_code} with a web page")
        if response.status_code == 401:
            raise _not_let_in(401)
        if response.is_redirect:
            raise DestinationError("the CRM answers with a redirect; is the address in the mapping right?")
        return response

    def close(self) -> None:
        self._client.close()


def _send_id(record: Record) -> str:
    """The same for the same data, however often they are sent: by it a CRM may know a repetition."""
    said = json.dumps([record.contact_id, dict(sorted(record.values.items()))], ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def _not_let_in(status: int) -> DestinationError:
    return DestinationError(f"the CRM does not let us in ({status}): look at STATURE_CRM_SECRETS")


def look_up(body: Any, place: str) -> Value:
    """The value at `a.b[key=value].c`: names lead into objects, a bracket picks from a list; else None."""
    found = body
    for name, key, wanted in _STEP.findall(place):
        found = found.get(name) if isinstance(found, dict) else None
        if key:
            items = found if isinstance(found, list) else []
            found = next((i for i in items if isinstance(i, dict) and str(i.get(key)) == wanted), None)
    return found if isinstance(found, str | int | float | bool) else None


def _without(body: Any, sent: set[str]) -> Any:
    """The body without the parts of a list that stand for a field that is left alone."""
    if isinstance(body, dict):
        return {key: _without(value, sent) for key, value in body.items() if _mentions(value, sent)}
    if isinstance(body, list):
        return [_without(item, sent) for item in body if _mentions(item, sent)]
    return body


def _mentions(part: Any, sent: set[str]) -> bool:
    """Whether a part has no placeholder, or one of a field that is sent."""
    places = set(PLACE.findall(json.dumps(part))) - {"contact_id", SEND_ID}
    return not places or bool(places & sent)


def _filled(template: Any, values: Mapping[str, Value]) -> Any:
    """The template with its placeholders filled; one that is a whole text keeps its value's type."""
    if isinstance(template, dict):
        return {key: _filled(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [_filled(item, values) for item in template]
    if isinstance(template, str):
        whole = PLACE.fullmatch(template)
        return values.get(whole[1]) if whole else _filled_text(template, values)
    return template


def _filled_text(template: str, values: Mapping[str, Value]) -> str:
    return PLACE.sub(lambda found: _text(values.get(found[1])), template)


def _text(value: Value) -> str:
    if value is None:
        return ""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _reason(response: httpx.Response) -> str:
    """What the CRM says: its list or text of errors, where it gives one."""
    try:
        body = response.json()
    except ValueError:
        body = None
    errors = (
        next((body[k] for k in ("errors", "error", "message") if k in body), None)
        if isinstance(body, dict)
        else None
    )
    said = ", ".join(map(str, errors)) if isinstance(errors, list) else str(errors or "no reason given")
    return f"{response.status_code}: {said}"[:500]
