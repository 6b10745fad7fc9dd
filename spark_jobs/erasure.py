"""What privacy requests come to, and the marks by which erased people are known without being named.

A mark is a salted hash of whom it stands for. It is all that stays of an erased account: enough to see that
a row which comes later speaks of it, and to whoever lacks the salt it says nothing. The salt is drawn once a
home and lies in its lake. No Spark here: conform, scoring and the orchestration read the same rules.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any, Protocol, TypeVar

from spark_jobs.lake import Lake

OPT_IN, OBJECT, OPT_OUT, ERASE = "opt_in", "object", "opt_out", "erase"
_STRENGTH = (OBJECT, OPT_OUT, ERASE)

ERASED_PREFIX = "erased:"
"""How a mark begins, also where it stands in the place of an account's id."""

PERSON, PERSON_KEY, EMAIL = "person:", "key:", "email:"
"""Scopes of marks that are no network's and no CRM's; a colon is in no network's name."""

_SALT = "_erasure_salt.json"
_SALT_BYTES = 32


class _Comparable(Protocol):
    def __lt__(self, other: Any, /) -> bool: ...


Moment = TypeVar("Moment", bound=_Comparable)


def in_force(asked: Iterable[tuple[Moment, str]]) -> str | None:
    """Which of somebody's requests (moment, request) counts; None where nothing was asked.

    The newest opt-in takes back all that was asked before it; of what was asked since, the strongest counts.
    Of an opt-in and a refusal of one moment, the refusal does.
    """
    known = list(asked)
    opt_ins = [moment for moment, request in known if request == OPT_IN]
    newest = max(opt_ins) if opt_ins else None
    since = [r for moment, r in known if r != OPT_IN and (newest is None or not moment < newest)]
    if since:
        return max(since, key=_STRENGTH.index)
    return OPT_IN if opt_ins else None


@dataclass(frozen=True, slots=True)
class Request:
    """One privacy request of somebody (their mark, or any name for them), and the day it was delivered."""

    subject: str
    request: str
    requested_at: datetime
    day: date


@dataclass(frozen=True, slots=True)
class Erased:
    """A subject is erased from `first_day` to before `end_day`; None: until further notice."""

    subject: str
    first_day: date
    end_day: date | None


def erased_periods(requests: Iterable[Request]) -> list[Erased]:
    """When each subject is erased: on a day, if that is what the requests delivered by then come to."""
    periods = []
    ordered = sorted(requests, key=lambda r: (r.subject, r.day, r.requested_at, r.request == ERASE))
    for name, of_subject in groupby(ordered, key=lambda r: r.subject):
        known: list[tuple[datetime, str]] = []
        since: date | None = None
        for day, of_day in groupby(of_subject, key=lambda r: r.day):
            known += [(request.requested_at, request.request) for request in of_day]
            erased = in_force(known) == ERASE
            if erased and since is None:
                since = day
            elif not erased and since is not None:
                periods.append(Erased(name, since, day))
                since = None
        if since is not None:
            periods.append(Erased(name, since, None))
    return periods


def subject(scope: str, identifier: str) -> str:
    """Somebody as one text: an account (`network`, id), a contact (`crm`, id), a person or their key."""
    return f"{scope}\x1f{identifier}"


def handle_scope(network: str) -> str:
    """The scope of a network's handles, which may look like ids."""
    return f"{network}@"


def plain_handle(handle: str) -> str:
    """A handle as two lists of handles may be compared: without @, blanks and case."""
    return handle.strip().lower().lstrip("@")


def mark(salt: str, of: str) -> str:
    """The mark of a `subject`; of an account whose id is a mark already, that mark."""
    identifier = of.partition("\x1f")[2]
    if is_mark(identifier):
        return identifier
    return ERASED_PREFIX + hashlib.sha256(f"{salt}\x1f{of}".encode()).hexdigest()


def is_mark(identifier: str) -> bool:
    """Whether an id is a mark that took an erased account's place."""
    return identifier.startswith(ERASED_PREFIX) and len(identifier) == len(ERASED_PREFIX) + 64


def mark_sql(salt: str, subject_sql: str) -> str:
    """Spark SQL of the mark of a subject given as SQL; null where it is null."""
    return rf"concat('{ERASED_PREFIX}', sha2(concat('{salt}', '\u001F', {subject_sql}), 256))"


def erasure_salt(lake: Lake) -> str:
    """The home's salt, 64 hexadecimal digits; drawn where there is none yet."""
    path = f"{lake.table_path(_SALT)}"
    try:
        with lake.open(path, "rb") as handle:
            return str(json.loads(handle.read())["salt"])
    except FileNotFoundError:
        salt = secrets.token_hex(_SALT_BYTES)
        drawn = {"salt": salt, "drawn_at": datetime.now().astimezone().isoformat(timespec="seconds")}
        lake.write_json(path, drawn)
        return salt
