"""Salesforce: Bulk API 2.0 upserts by Id or by an external id, read back with SOQL."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.bulk2 import ColumnDelimiter, LineEnding, Operation
from simple_salesforce.exceptions import (
    SalesforceError,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)
from simple_salesforce.format import format_soql

from orchestration.activation.destination import (
    DestinationError,
    Fate,
    Ids,
    MissingFieldError,
    Outcome,
    Record,
    UnansweredError,
    Work,
    folded,
)
from orchestration.activation.mapping import CrmMapping, Value, Values
from orchestration.activation.opening import Wait, required
from orchestration.activation.patience import Patience
from orchestration.activation.web_session import WebSession
from orchestration.settings import Settings

# A job takes 100 MB of CSV. So many records of some two hundred bytes leave room for long sentences.
BATCH = 50_000

# In the CSV an empty cell leaves the field as it is; this empties it.
_NULL = "#N/A"

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_ID = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?")
_DONE = ("JobComplete", "Failed", "Aborted")
_CLOSED = ("UploadComplete", "InProgress", *_DONE)
_ABSENT = ("ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "NOT_FOUND")
_NO_FIELD = re.compile(r"Field name not found : (\w+)")
_NO_COLUMN = re.compile(r"No such column '(\w+)'")
_FIRST_POLL, _LONGEST_POLL = 2.0, 30.0
_READ_AT_ONCE = 200


class SalesforceDestination:
    """One object of one Salesforce organisation. A batch is a job, and a job's id is its handle."""

    batch_size = at_once = BATCH
    writable: frozenset[str] | None = None

    def __init__(self, settings: Settings, crm: str, mapping: CrmMapping, wait: Wait) -> None:
        [url] = required(crm, salesforce_url=settings.salesforce_url)
        self._object = str(mapping.object)
        self._id_field = "Id" if mapping.by_salesforce_id else mapping.id_field
        for name in (self._object, self._id_field, *mapping.names):
            if not _NAME.fullmatch(name):
                raise DestinationError(f"{name!r} is no name of an object or field in Salesforce")
        self._wait, self._patience = wait, Patience(settings.crm_patience, wait)
        self._session = WebSession(url, self._patience, settings.crm_timeout)
        self._client = self._sign_in(settings, crm, url)

    @property
    def calls(self) -> int:
        return self._session.calls

    def _sign_in(self, settings: Settings, crm: str, url: str) -> Salesforce:
        version = settings.salesforce_version
        if settings.salesforce_token is not None:
            token = settings.salesforce_token.get_secret_value()
            return Salesforce(instance_url=url, session_id=token, session=self._session, version=version)
        key, secret = required(
            crm,
            salesforce_client_id=settings.salesforce_client_id,
            salesforce_client_secret=settings.salesforce_client_secret,
        )
        session = _SignIn(self._session, url)
        with _answers():
            client = Salesforce(
                consumer_key=key,
                consumer_secret=secret,
                domain=session.domain,
                session=session,
                version=version,
            )
        # The client's own idea of renewing covers a part of its calls; the session's covers all.
        client.session = self._session
        # What answers the token's request may name another address for the organisation; records stay here.
        client.bulk2_url = f"{url.rstrip('/')}/services/data/v{version}/jobs/"
        client.base_url = f"{url.rstrip('/')}/services/data/v{version}/"

        def renew() -> str:
            client._refresh_session()
            return f"Bearer {client.session_id}"

        self._session.renew = renew
        return client

    # --- writing ------------------------------------------------------------------------------

    def send(self, records: Sequence[Record], work: Work) -> list[Outcome]:
        bad = [r for r in records if self._id_field == "Id" and not _ID.fullmatch(r.contact_id)]
        refused = [Outcome(r.contact_id, "refused", "this is no Salesforce id") for r in bad]
        named = {outcome.contact_id for outcome in refused}
        good = [record for record in records if record.contact_id not in named]
        outcomes, silent = refused, None
        for group in _same_fields(good):
            try:
                outcomes += self._job(group, work)
            except UnansweredError as error:
                silent = error
        if silent is not None:
            raise UnansweredError(str(silent), outcomes)
        return outcomes

    def _job(self, records: Sequence[Record], work: Work) -> list[Outcome]:
        bulk = self._bulk()
        with _answers():
            job_id = str(
                bulk.create_job(
                    Operation.upsert,
                    column_delimiter=ColumnDelimiter.COMMA,
                    line_ending=LineEnding.LF,
                    external_id_field=self._id_field,
                )["id"]
            )
            work.begun(job_id)
            # A job takes its data once and is closed once. Where the first try's answer was lost, the second
            # is refused, and what counts is how far the job is. Data that did not arrive are in no result.
            self._step(job_id, ("Open",), lambda: bulk.upload_job_data(job_id, self._csv(records)))
            self._step(job_id, _CLOSED, lambda: bulk.close_job(job_id))
        info = self._await(job_id)
        work.ended([job_id])
        ended = str(info["state"])
        why = f"the job {ended.lower()}: {info.get('errorMessage') or 'no reason given'}"
        if ended == "Failed" and not info.get("numberRecordsProcessed"):
            # It came to no record at all, as for a field that is not there; no other job will fare better.
            if missing := _NO_FIELD.search(why):
                raise MissingFieldError(f"Salesforce: {why}", missing[1])
            raise DestinationError(f"Salesforce: {why}")
        if ended != "JobComplete":
            # Some records may have been written before it ended: the results say which.
            return self._results(job_id, records, why)
        return self._results(job_id, records, "the job ended without a word about this record")

    def _step(self, job_id: str, done: Collection[str], action: Callable[[], Any]) -> None:
        """One step of a job, which may have been taken before its answer was lost: then it is `done`."""
        try:
            action()
        except SalesforceMalformedRequest:
            if self._state(job_id) not in done:
                raise

    def _results(self, job_id: str, records: Sequence[Record], otherwise: str) -> list[Outcome]:
        ids = self._ids(record.contact_id for record in records)
        said: dict[str, Outcome] = {}
        with _answers():
            for row in self._rows(job_id, "successfulResults"):
                if contact_id := ids.find(self._name_of(row)):
                    said[contact_id] = Outcome(contact_id, "confirmed")
            for row in self._rows(job_id, "failedResults"):
                if contact_id := ids.find(self._name_of(row)):
                    why = row.get("sf__Error") or "no reason given"
                    locked = "UNABLE_TO_LOCK_ROW" in why
                    fate: Fate = "failed" if locked else "refused"
                    said[contact_id] = Outcome(contact_id, fate, why, why.startswith(_ABSENT))
        return [said.get(r.contact_id) or Outcome(r.contact_id, "failed", otherwise) for r in records]

    def _ids(self, ids: Iterable[str]) -> Ids:
        return Ids(ids, _first_15 if self._id_field == "Id" else folded)

    def _name_of(self, row: Mapping[str, str]) -> str | None:
        """The record that a row of the results is about, as the column that we named it by says."""
        return row.get(self._id_field) or (row.get("sf__Id") if self._id_field == "Id" else None)

    def _rows(self, job_id: str, kind: str) -> Iterator[dict[str, str]]:
        text = self._bulk().get_ingest_results(job_id, kind)
        rows = csv.DictReader(io.StringIO(text, newline=""))
        if "sf__Id" not in (rows.fieldnames or ()):
            raise UnansweredError(f"what was answered for {kind} is no such file")
        return rows

    def _csv(self, records: Sequence[Record]) -> str:
        fields = list(records[0].values)
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([self._id_field, *fields])
        for record in records:
            writer.writerow([record.contact_id, *(_cell(record.values[name]) for name in fields)])
        return buffer.getvalue()

    def _bulk(self) -> Any:
        return getattr(self._client.bulk2, self._object)._client

    def _state(self, job_id: str) -> str:
        return str(self._bulk().get_job(job_id, False)["state"])

    def _await(self, job_id: str) -> Mapping[str, Any]:
        """The job once it has ended. UnansweredError where it takes longer than patience lasts."""
        pause, waited = _FIRST_POLL, 0.0
        while True:
            with _answers():
                info: Mapping[str, Any] = self._bulk().get_job(job_id, False)
            if info["state"] in _DONE:
                return info
            if waited >= self._patience.seconds:
                raise UnansweredError(f"the job {job_id} has been {info['state']} for {waited:.0f} s")
            self._wait(pause)
            waited, pause = waited + pause, min(_LONGEST_POLL, pause * 1.5)

    def settle(self, handle: str) -> None:
        with _answers():
            try:
                state = self._state(handle)
                if state in ("Open", "UploadComplete", "InProgress"):
                    self._bulk().abort_job(handle, False)
            except SalesforceResourceNotFound:
                return  # Salesforce forgets jobs after a week
            except SalesforceMalformedRequest:
                pass  # it ended in this moment
        self._await(handle)

    # --- reading ------------------------------------------------------------------------------

    def read(self, contact_ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Values]:
        found: dict[str, Values] = {}
        wanted = list(fields)
        ours = self._ids(contact_ids)
        ids = [one for one in contact_ids if self._id_field != "Id" or _ID.fullmatch(one)]
        for start in range(0, len(ids), _READ_AT_ONCE):
            for row in self._select(ids[start : start + _READ_AT_ONCE], wanted):
                contact_id = ours.find(row[self._id_field])
                if contact_id is not None:
                    found[contact_id] = {name: row.get(name) for name in fields}
        return found

    def _select(self, ids: Sequence[str], wanted: list[str]) -> list[Mapping[str, Any]]:
        """The rows of these ids. A field that is not there, or hidden from this user, leaves `wanted`."""
        while True:
            names = ", ".join(dict.fromkeys([self._id_field, *wanted]))
            query = f"SELECT {names} FROM {self._object} WHERE {self._id_field} IN {{ids}}"  # noqa: S608
            try:
                with _answers():
                    rows: list[Mapping[str, Any]] = self._client.query_all(format_soql(query, ids=list(ids)))[
                        "records"
                    ]
                return rows
            except DestinationError as error:
                missing = _NO_COLUMN.search(str(error))
                if missing is None or missing[1] not in wanted:
                    raise
                wanted.remove(missing[1])

    def close(self) -> None:
        self._session.close()


class _SignIn(requests.Session):
    """The session while it signs in: the client knows organisations only as <domain>.salesforce.com."""

    def __init__(self, session: WebSession, url: str) -> None:
        super().__init__()
        self._session, self._url = session, url.rstrip("/")
        self.domain = str(urlsplit(url).hostname).removesuffix(".salesforce.com")

    def post(self, url: Any, data: Any = None, json: Any = None, **kwargs: Any) -> requests.Response:
        path = urlsplit(str(url)).path
        return self._session.request("POST", f"{self._url}{path}", data=data, headers=kwargs.get("headers"))


@contextmanager
def _answers() -> Iterator[None]:
    """What Salesforce answers to a whole call, in words that say what to do."""
    try:
        yield
    except SalesforceError as error:
        status, reason = getattr(error, "status", ""), _reason(error)
        if "REQUEST_LIMIT_EXCEEDED" in reason:
            raise DestinationError(f"Salesforce takes no more requests today: {reason}") from None
        if isinstance(error, SalesforceResourceNotFound | SalesforceMalformedRequest):
            raise DestinationError(f"Salesforce: {reason}") from error
        if status in (401, 403) or "Authentication" in type(error).__name__:
            raise DestinationError(
                f"Salesforce does not let us in ({reason}): look at STATURE_SALESFORCE_CLIENT_ID and "
                "STATURE_SALESFORCE_CLIENT_SECRET, or the token, and at the user's permissions"
            ) from None
        raise DestinationError(f"Salesforce answered {status}: {reason}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UnansweredError(f"Salesforce's answer is none that we know: {type(error).__name__}") from error


def _reason(error: SalesforceError) -> str:
    """What Salesforce says. The client's own words would have the address and a page in them."""
    content: Any = getattr(error, "content", "")
    if isinstance(content, list) and content and isinstance(content[0], dict):
        return f"{content[0].get('errorCode')}: {content[0].get('message')}"[:300]
    said = " ".join(str(content or getattr(error, "message", None) or error).split())
    return said[:300]


def _same_fields(records: Sequence[Record]) -> Iterator[list[Record]]:
    """The records by the fields they write: a CSV has one set of columns."""
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(tuple(record.values), []).append(record)
    yield from groups.values()


def _cell(value: Value) -> str:
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _first_15(contact_id: str) -> str:
    """A Salesforce id as it can be compared: the last 3 of 18 characters say which are capitals."""
    return contact_id[:15]
