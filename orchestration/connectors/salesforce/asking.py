"""What a pull asks Salesforce: queries of what changed, by REST or in bulk."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from orchestration.connectors import fields as json_fields
from orchestration.connectors.client import AnswerError, Client
from orchestration.connectors.crm.fields import OutcomeFields, asked_names, crm_fields
from orchestration.connectors.crm.rows import asked_since
from orchestration.connectors.crm.vendor import Asking, VendorSession, part
from orchestration.connectors.network import Asked, ConnectorError
from orchestration.connectors.salesforce.reading import CHANGED, DELETED, NAME, ROLE, ROLE_DEAL

BULK_FROM = 20_000  # records; below, ten pages of a REST query are quicker than a job
BULK_PAGE = 25_000  # records of one answer, well below the largest answer that is taken
_POLLS, _POLL_SECONDS = 240, 15.0
_CSV = {"Accept": "text/csv"}


def pull(client: Client, asked: Asked) -> None:
    """Contacts, cases and opportunities or orders that changed in the time asked for."""
    known = crm_fields(NAME, asked.settings.crm_fields)
    query = _Query(client, asked)
    with part(client, "contacts"):
        names = asked_names(known.contacts, "Id", DELETED, "MasterRecordId", CHANGED)
        query.ask("contacts", "Contact", names, {"fields": known.contacts.as_text()}, deleted=True)
    if known.service:
        with part(client, "cases"):
            names = asked_names(known.service, "Id", "ContactId", "CreatedDate", DELETED, CHANGED)
            query.ask("cases", "Case", names, {"fields": known.service.as_text()}, deleted=True)
    if known.outcomes:
        with part(client, "opportunities"):
            _deals(query, known.outcomes)


def _deals(query: _Query, deals: OutcomeFields) -> None:
    """Opportunities or orders, by the way that leads to their contact."""
    about = {"fields": deals.as_text()}
    if deals.contact is not None:
        names = asked_names(deals, "Id", deals.contact, CHANGED)
        query.ask("opportunities", deals.table, names, about)
    elif deals.table == "Order":
        about["contacts"] = json.dumps(query.sole_contacts(), sort_keys=True)
        names = asked_names(deals, "Id", "BillToContactId", "ShipToContactId", "AccountId", CHANGED)
        query.ask("opportunities", "Order", names, about)
    else:
        # From the role to its opportunity: the other way round would be a query in a query, which the bulk
        # API does not take. A role that changed counts, too: many are set after the deal was won.
        names = [f"{ROLE_DEAL}.{name}" for name in asked_names(deals, CHANGED)]
        names = ["Id", "ContactId", "OpportunityId", CHANGED, *names]
        query.ask(
            "opportunities", ROLE, names, about, where="IsPrimary = true", since=f"{ROLE_DEAL}.{CHANGED}"
        )


class _Query:
    """Queries of one pull, by REST or in bulk."""

    def __init__(self, client: Client, asked: Asked) -> None:
        from simple_salesforce.api import Salesforce  # half a second, which only a pull need wait for

        self.client, self.asked = client, asked
        self.version = asked.settings.salesforce_version
        self.asking = Asking(client)
        # Token and host are ours; the client only needs some to build its addresses.
        self.salesforce = Salesforce(
            instance="salesforce", session_id="-", version=self.version, session=VendorSession(self.asking)
        )

    def ask(
        self,
        endpoint: str,
        table: str,
        names: Iterable[str],
        about: Mapping[str, str],
        *,
        where: str | None = None,
        since: str | None = None,
        deleted: bool = False,
    ) -> None:
        """Records of a table that changed. `since`: a field by which, too. `deleted`: those as well."""
        window = self._window(CHANGED) if since is None else self._window(CHANGED, since)
        source = f"FROM {table} WHERE {window if where is None else f'{where} AND ({window})'}"
        with self.asking.of("count"), _no_such_field():
            told = self.salesforce.query(f"SELECT COUNT() {source}", include_deleted=deleted)
            many = int(told["totalSize"])
        if many == 0:
            return
        soql = f"SELECT {', '.join(names)} {source}"
        if many >= BULK_FROM:
            with self.asking.of(f"{endpoint}_bulk"), _no_such_field():
                self._in_bulk(f"{endpoint}_bulk", soql, about, deleted)
            return
        with self.asking.of(endpoint, about), _no_such_field():
            for _ in self.salesforce.query_all_iter(
                f"{soql} ORDER BY {CHANGED}, Id", include_deleted=deleted
            ):
                pass  # each page is written down as it comes

    def sole_contacts(self) -> dict[str, str]:
        """The contact of each account that has just one, of accounts whose orders name nobody."""
        nobodys = f"BillToContactId = null AND ShipToContactId = null AND {self._window(CHANGED)}"
        contacts: dict[str, str | None] = {}
        with self.asking.of("accounts_of_orders"), _no_such_field():
            soql = "SELECT Id, AccountId FROM Contact WHERE AccountId IN (SELECT AccountId FROM Order WHERE "
            for record in self.salesforce.query_all_iter(f"{soql}{nobodys})"):
                account, contact = str(record["AccountId"]), str(record["Id"])
                contacts[account] = None if account in contacts else contact
        return {account: contact for account, contact in contacts.items() if contact}

    def _window(self, *changed: str) -> str:
        """The time asked for, in SOQL: any of these fields says that the record changed in it."""
        since, until = (_literal(moment) for moment in (asked_since(self.asked), self.asked.until))
        told = [f"{name} >= {since} AND {name} < {until}" for name in changed]
        return told[0] if len(told) == 1 else " OR ".join(f"({one})" for one in told)

    def _in_bulk(self, endpoint: str, soql: str, about: Mapping[str, str], deleted: bool) -> None:
        """A query job of Bulk API 2.0: made, waited for, and its results taken page by page.

        Not by the vendor's client: that sleeps by itself, and would wait an hour where somebody stops us.
        """
        jobs = f"/services/data/v{self.version}/jobs/query"
        operation = "queryAll" if deleted else "query"
        wish = {"operation": operation, "query": soql, "contentType": "CSV", "lineEnding": "LF"}
        made = json_fields.node(self.client.get("bulk_job", jobs, method="POST", json=wish).json(), "job")
        job = json_fields.identity(made, "id")
        for poll in range(_POLLS):
            # The same address is another question each time: `about` keeps the answers apart.
            answer = self.client.get("bulk_job", f"{jobs}/{job}", about={"poll": str(poll)})
            state = json_fields.text(json_fields.node(answer.json(), "job"), "state")
            if state == "JobComplete":
                break
            if state in ("Failed", "Aborted"):
                raise AnswerError(f"{endpoint}: Salesforce ended the job as {state}", answer, again=True)
            self.client.pause(_POLL_SECONDS, "works on a bulk query")
        else:
            raise AnswerError(f"{endpoint}: the job did not end in time", again=True)
        locator, seen = "", set[str]()
        while locator not in seen:
            seen.add(locator)
            params = {"maxRecords": BULK_PAGE} | ({"locator": locator} if locator else {})
            answer = self.client.get(
                endpoint,
                f"{jobs}/{job}/results",
                params=params,
                about=about,
                headers=_CSV,
                form="text",
                noting=("Sforce-Locator",),
            )
            locator = answer.about.get("Sforce-Locator", "null")
            if locator in ("", "null"):
                return
        self.client.note(f"{endpoint}: a locator came back, and the results end there")


@contextmanager
def _no_such_field() -> Iterator[None]:
    """A query that Salesforce does not understand names a field that is not there, or not for this user."""
    try:
        yield
    except AnswerError as error:
        if error.status != 400 or error.answer is None or "INVALID_FIELD" not in error.answer.body:
            raise
        named = re.search(r"[Nn]o such column '([A-Za-z0-9_.]{1,120})'", error.answer.body)
        field = named[1] if named else "one of them"
        raise ConnectorError(
            f"salesforce has no field {field} that this user may read: "
            "name the fields in salesforce.yaml of STATURE_CRM_FIELDS."
        ) from None


def _literal(moment: datetime) -> str:
    """A moment as SOQL writes it, to the second: a window's ends are whole seconds or rounded down alike."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
