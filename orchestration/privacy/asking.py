"""A privacy request is written down at once, and enters the next day that is run.

It waits as a file of its own in `<home>/requests`, so that nobody who writes a request waits for a run. The
source `requests` lands what waits there, beside the networks and whatever the settings say; from then on the
raw lake has it, and the waiting file goes.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta

from fsspec.core import url_to_fs

from orchestration.quality.measure import Table, connection, relation
from spark_jobs.erasure import plain_handle
from spark_jobs.lake import Lake, LakeFile

SOURCE = "requests"
RAW = f"raw/{SOURCE}"
_TABLE = "privacy_requests"
_MICROSECOND, _SECOND = timedelta(microseconds=1), timedelta(seconds=1)


class PrivacyError(Exception):
    """Whom a request or report is about cannot be told; the message says what to write instead."""


@dataclass(frozen=True)
class Subject:
    """An account (`network`, `account_id`) or a contact (`crm`, `contact_id`)."""

    network: str | None = None
    account_id: str | None = None
    crm: str | None = None
    contact_id: str | None = None

    def __str__(self) -> str:
        return f"acct:{self.network}:{self.account_id}" if self.network else f"{self.crm}:{self.contact_id}"


def find_subject(lake: Lake, who: str) -> Subject:
    """Whom `@handle@network`, `acct:NETWORK:ID` or `CRM:ID` means.

    Found in the lake, not in the marts: who left is in no mart, and may want to come back. PrivacyError where
    nobody or more than one account has the handle.
    """
    if match := re.fullmatch(r"acct:(?P<network>[^:]+):(?P<id>.+)", who, re.DOTALL):
        return Subject(network=match["network"].lower(), account_id=match["id"])
    if match := re.fullmatch(r"@?(?P<handle>[^@:]+(?:@[^@:]+)*)@(?P<network>[^@:]+)", who.strip()):
        return _by_handle(lake, match["handle"], match["network"].lower())
    if match := re.fullmatch(r"(?P<crm>[^@:]+):(?P<id>.+)", who, re.DOTALL):
        return Subject(crm=_crm(lake, match["crm"]), contact_id=match["id"])
    raise PrivacyError(
        f"{who} names nobody: write an account as @handle@network or acct:NETWORK:ID, a contact as CRM:ID."
    )


def is_held(lake: Lake, subject: Subject) -> bool:
    """Whether anything is known of the account or contact by this very id."""
    scope, identifier = ("network", "account_id") if subject.network else ("crm", "contact_id")
    wanted = [subject.network or subject.crm, subject.account_id or subject.contact_id]
    tables = ("accounts", "account_state") if subject.network else ("crm_contacts", "crm_contact_accounts")
    with connection(lake) as con:
        for table in tables:
            days = lake.days(table)[-1:] if table == "account_state" else lake.days(table)
            rows = relation(con, Table.of(lake, table, days), days)
            query = f"SELECT 1 FROM {rows} WHERE {scope} = ? AND {identifier} = ? LIMIT 1"  # noqa: S608
            if con.execute(query, wanted).fetchone():
                return True
    return False


def _crm(lake: Lake, name: str) -> str:
    """The CRM's name as the lake has it: written so, or else the only one that differs in case alone."""
    with connection(lake) as con:
        days = lake.days("crm_contacts")
        contacts = relation(con, Table.of(lake, "crm_contacts", days), days)
        rows = con.execute(f"SELECT DISTINCT crm FROM {contacts} ORDER BY crm").fetchall()  # noqa: S608
    known = [str(row[0]) for row in rows]
    alike = [crm for crm in known if crm.casefold() == name.casefold()]
    if name in known or not alike:
        return name
    if len(alike) > 1:
        raise PrivacyError(f"{name} may be {len(alike)} CRMs; write it as one of them: {', '.join(alike)}")
    return alike[0]


def _by_handle(lake: Lake, handle: str, network: str) -> Subject:
    with connection(lake) as con:
        accounts = relation(con, Table.of(lake, "accounts", lake.days("accounts")), lake.days("accounts"))
        found = con.execute(
            "SELECT account_id FROM (SELECT account_id, arg_max(handle, observed_at) AS handle"  # noqa: S608
            f" FROM {accounts} WHERE network = ? GROUP BY account_id)"
            " WHERE ltrim(lower(trim(handle)), '@') = ? ORDER BY account_id",
            [network, plain_handle(handle)],
        ).fetchall()
    if not found:
        raise PrivacyError(
            f"Nothing is held on @{handle}@{network}. An account that was erased is known by its id alone: "
            f"write acct:{network}:ID."
        )
    if len(found) > 1:
        named = ", ".join(f"acct:{network}:{row[0]}" for row in found[:5])
        raise PrivacyError(f"@{handle}@{network} may be {len(found)} accounts; say which: {named}")
    return Subject(network=network, account_id=found[0][0])


def ask(home: str, subject: Subject, request: str, at: datetime) -> str:
    """Write a request down; its id. The next daily run takes it."""
    waiting = Lake(home, SOURCE)
    name = f"{at.astimezone(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"
    content = {"id": name, **asdict(subject), "request": request, "requested_at": at.isoformat()}
    waiting.write_json(waiting.table_path(f"{name}.json"), content)
    return name


def land_requests(lake: Lake, days: Iterable[date], run_id: str) -> int:
    """Bring the waiting requests into the first of `days` that is not published; how many.

    A request counts from the end of that day at the latest: a day that is run late must not take it for one
    from the future. Of several, the order in which they were made is kept, also by a later run of that day.
    """
    published = set(lake.days("ledger_digest"))
    open_days = [day for day in sorted(set(days)) if day not in published]
    waiting = _waiting(lake)
    if not open_days or not waiting:
        return 0
    day = open_days[0]
    landed = {
        name
        for manifest in lake.manifests(RAW).values()
        for file in manifest.files
        for name in file.extra.get("requests", ())
    }
    new = [request for request in waiting.values() if request["id"] not in landed]
    if new:
        lake.discard_uncommitted(RAW, [day])
        before = lake.manifest(RAW, day)
        earlier = sum(len(file.extra.get("requests", ())) for file in before.files) if before else 0
        rows = list(_dated(new, day, earlier))
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
        name = f"{_TABLE}/{_TABLE}-{hashlib.sha256(content).hexdigest()[:12]}.jsonl"
        file, sha256 = lake.put_stream(io.BytesIO(content), RAW, day, name)
        extra = {
            "table": _TABLE,
            "format": "jsonl",
            "sha256": sha256,
            "delivered": day.isoformat(),
            "origin": f"{SOURCE}/{name}",
            "requests": [request["id"] for request in new],
        }
        files = [*(before.files if before else ()), LakeFile(file.name, None, file.bytes, extra)]
        lake.commit(RAW, day, files, run_id)
    fs, _ = url_to_fs(lake.root)
    for path in waiting:
        fs.rm_file(path)
    return len(new)


def _waiting(lake: Lake) -> dict[str, dict[str, str]]:
    """What waits, by its file, in the order in which it was asked."""
    place = Lake(lake.root, SOURCE)
    fs, folder = url_to_fs(place.uri(place.table_path("")), use_listings_cache=False)
    try:
        paths = [str(path) for path in fs.ls(folder.rstrip("/"), detail=False)]
    except FileNotFoundError:
        return {}
    found = {}
    for path in sorted(path for path in paths if path.endswith(".json")):
        with fs.open(path, "rb") as handle:
            found[path] = json.loads(handle.read())
    return found


def _dated(requests: list[dict[str, str]], day: date, earlier: int) -> Iterable[dict[str, str]]:
    """The requests as rows, no later than the day's last second, in order; `earlier` came before them."""
    end = datetime.combine(day + timedelta(days=1), time(), UTC)
    for place, request in enumerate(requests, start=earlier):
        latest = min(end - _SECOND + place * _MICROSECOND, end - _MICROSECOND)
        asked = min(datetime.fromisoformat(request["requested_at"]), latest)
        yield {k: v for k, v in request.items() if k != "id"} | {"requested_at": asked.isoformat()}
