"""Zendesk: user fields, a hundred users a job, some jobs at a time, which one call asks after.

They are polled from the moment they were made, because a job's results are soon forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from zenpy import Zenpy
from zenpy.lib.api_objects import User
from zenpy.lib.exception import APIException, RecordNotFoundException, ZenpyException

from orchestration.activation.destination import (
    DestinationError,
    Ids,
    Outcome,
    Record,
    UnansweredError,
    Work,
    folded,
)
from orchestration.activation.mapping import CrmMapping, Values
from orchestration.activation.opening import Wait, required
from orchestration.activation.patience import Patience
from orchestration.activation.web_session import WebSession
from orchestration.settings import Settings

BATCH = 100

# Zendesk has at most thirty jobs queued or running, and other programs have some as well.
JOBS = 20

_DONE = ("completed", "failed", "killed")
_FIRST_POLL, _LONGEST_POLL = 0.5, 10.0

T = TypeVar("T")


@dataclass
class _Job:
    """One job: whose records it writes, and what became of it. `result` is None where Zendesk forgot it."""

    id: str
    records: Sequence[Record]
    result: Any = None


class ZendeskDestination:
    """The user fields of one Zendesk account. A batch is a job, and a job's id is its handle."""

    batch_size = BATCH
    at_once = BATCH * JOBS
    writable: frozenset[str] | None = None

    def __init__(self, settings: Settings, crm: str, mapping: CrmMapping, wait: Wait) -> None:
        url, email, token = required(
            crm,
            zendesk_url=settings.zendesk_url,
            zendesk_email=settings.zendesk_email,
            zendesk_token=settings.zendesk_token,
        )
        if mapping.id_field not in ("id", "external_id"):
            raise DestinationError(
                f"Zendesk's users are found by id or external_id, not by {mapping.id_field}"
            )
        self._by_id = mapping.id_field == "id"
        self._wait, self._patience = wait, Patience(settings.crm_patience, wait)
        self._session = WebSession(url, self._patience, settings.crm_timeout)
        subdomain, _, domain = urlsplit(url).netloc.partition(".")
        self._client = Zenpy(
            subdomain=subdomain,
            domain=domain,
            email=email,
            token=token,
            session=self._session,
            disable_cache=True,
        )

    @property
    def calls(self) -> int:
        return self._session.calls

    def send(self, records: Sequence[Record], work: Work) -> list[Outcome]:
        bad = {r.contact_id for r in records if self._by_id and not r.contact_id.isdecimal()}
        outcomes = [Outcome(one, "refused", "this is no Zendesk id") for one in sorted(bad)]
        good = [record for record in records if record.contact_id not in bad]
        jobs: list[_Job] = []
        silent: UnansweredError | None = None
        for start in range(0, len(good), BATCH):
            batch = good[start : start + BATCH]
            try:
                jobs.append(self._begin(batch, work))
            except UnansweredError as error:
                silent = error
                break
        running = self._await(jobs, work)
        for job in jobs:
            late = "the job has not ended in time"
            gone = "the job was forgotten before its results were read"
            outcomes += self._results(job, late if job.id in running else gone)
        if silent is not None:
            raise UnansweredError(str(silent), outcomes)
        return outcomes

    def _begin(self, records: Sequence[Record], work: Work) -> _Job:
        users = [self._user(record) for record in records]
        api = self._client.users
        try:
            made = _call(lambda: api.update(users) if self._by_id else api.create_or_update(users))
        except _GoneError as error:
            raise DestinationError("Zendesk has no users there (404): look at STATURE_ZENDESK_URL") from error
        if not getattr(made, "id", None):
            raise UnansweredError("Zendesk answered without a job")
        work.begun(str(made.id))
        return _Job(str(made.id), records, made)

    def _user(self, record: Record) -> User:
        fields = dict(record.values)
        if self._by_id:
            return User(id=int(record.contact_id), user_fields=fields)
        return User(external_id=record.contact_id, user_fields=fields)

    def _results(self, job: _Job, otherwise: str) -> list[Outcome]:
        """What the job says of each record, by its place in the batch or by its id."""
        records = job.records
        if job.result is None or job.result.status not in _DONE:
            return [Outcome(record.contact_id, "failed", otherwise) for record in records]
        by_place: dict[int, Mapping[str, Any]] = {}
        by_id: dict[str, Mapping[str, Any]] = {}
        listed = job.result.results if isinstance(job.result.results, list) else []
        results = [_plain(result) for result in listed if not isinstance(result, str)]
        for result in results:
            if result.get("index") is not None:
                by_place[int(result["index"])] = result
            for name in ("id", "external_id"):
                if result.get(name) is not None:
                    by_id[f"{name}:{folded(str(result[name]))}"] = result
        found = []
        for place, record in enumerate(records):
            name = "id" if self._by_id else "external_id"
            said = by_id.get(f"{name}:{folded(record.contact_id)}") or by_place.get(place)
            if said is None and not self._by_id and len(results) == len(records):
                said = results[place]  # older answers: in the order of the batch, without a place
            found.append(_outcome(record.contact_id, said, job.result))
        return found

    def _await(self, jobs: Sequence[_Job], work: Work) -> set[str]:
        """Fill in the jobs' results as they end; the ids of those that did not while patience lasted."""
        running = {job.id: job for job in jobs}
        pause, waited = _FIRST_POLL, 0.0
        while running and waited < self._patience.seconds:
            self._wait(pause)
            waited, pause = waited + pause, min(_LONGEST_POLL, pause * 2)
            found = self._look(list(running))
            ended = [one for one in running if one not in found or found[one].status in _DONE]
            for one in ended:
                running.pop(one).result = found.get(one)
            work.ended(ended)
        return set(running)

    def _look(self, jobs: Sequence[str]) -> Mapping[str, Any]:
        """These jobs as they are now, by id, without those that Zendesk has forgotten."""
        try:
            found: Any = _call(lambda: self._client.job_status(ids=jobs))
        except _GoneError:
            return {}
        if not isinstance(found, dict):
            raise UnansweredError("Zendesk's answer does not speak of jobs")
        return {str(job.id): job for job in found["job_statuses"]}

    def settle(self, handle: str) -> None:
        if self._await([_Job(handle, ())], _NOBODY):
            raise UnansweredError(f"the job {handle} of an earlier run has not ended yet")

    def read(self, contact_ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Values]:
        found: dict[str, Values] = {}
        ours = Ids(contact_ids)
        ids = [one for one in contact_ids if one.isdecimal() or not self._by_id]
        for start in range(0, len(ids), BATCH):
            some = ids[start : start + BATCH]
            users = _found(
                lambda some=some: list(  # type: ignore[misc]
                    self._client.users(ids=some) if self._by_id else self._client.users(external_ids=some)
                )
            )
            for user in users:
                named = user.id if self._by_id else user.external_id
                contact_id = ours.find(named)
                if contact_id is not None:
                    held = _plain(user.user_fields) if user.user_fields else {}
                    found[contact_id] = {name: held.get(name) for name in fields}
        return found

    def close(self) -> None:
        self._session.close()


class _Nobody:
    """Writes nothing down."""

    def begun(self, handle: str) -> None: ...

    def ended(self, handles: Collection[str]) -> None: ...


_NOBODY = _Nobody()


class _GoneError(Exception):
    """Zendesk has no such thing, or has it no more."""


def _call(action: Callable[[], T]) -> T:
    """The client's answer, its errors in words that say what to do."""
    try:
        return action()
    except RecordNotFoundException as error:
        raise _GoneError(str(error)) from error
    except (APIException, requests.HTTPError) as error:
        response = error.response
        status = response.status_code if response is not None else 0
        if status == 404:
            raise _GoneError(str(status)) from error
        if status in (401, 403):
            raise DestinationError(
                f"Zendesk does not let us in ({status}): look at STATURE_ZENDESK_EMAIL and "
                "STATURE_ZENDESK_TOKEN, and whether the account may write users in bulk"
            ) from None
        raise DestinationError(f"Zendesk answered {status}: {str(error)[:300]}") from error
    except ZenpyException as error:
        raise DestinationError(f"Zendesk: {str(error)[:300]}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnansweredError(f"Zendesk's answer is none that we know: {type(error).__name__}") from error


def _found(action: Callable[[], list[Any]]) -> list[Any]:
    try:
        return _call(action)
    except _GoneError as error:
        raise DestinationError("Zendesk has no users there (404): look at STATURE_ZENDESK_URL") from error


def _outcome(contact_id: str, result: Mapping[str, Any] | None, job: Any) -> Outcome:
    if result is None:
        return Outcome(contact_id, "failed", f"the job {job.status} without a word about this record")
    if result.get("success") or (result.get("status") in ("Updated", "Created") and not result.get("error")):
        return Outcome(contact_id, "confirmed")
    reason = result.get("details") or result.get("errors") or result.get("error") or "no reason given"
    absent = "NotFound" in f"{result.get('error')} {result.get('errors')}"
    return Outcome(contact_id, "refused", str(reason)[:500], absent)


def _plain(thing: Any) -> dict[str, Any]:
    """A client's object as a dictionary."""
    return dict(thing) if isinstance(thing, dict) else dict(thing.to_dict())
