"""HubSpot: contacts, tickets and won deals that changed, by the CRM v3 search, and whose they are.

The search gives no more than ten thousand results, and counts its pages from the first, so that a record
which changes meanwhile moves all that follow it. So every page is a search of its own, for the ids above the
last one seen. The search gives no associations either: those of a page are asked for next, and stand beside
the page's answer. It knows no archived contacts, so these are listed; merged ones are named by the one that
they became.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestration.connectors import fields as json_fields
from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.client import AnswerError, Client
from orchestration.connectors.crm import rows as crm_rows
from orchestration.connectors.crm.fields import (
    asked_names,
    crm_fields,
    read_contact_fields,
    read_outcome_fields,
    read_service_fields,
)
from orchestration.connectors.crm.records import Record
from orchestration.connectors.crm.vendor import Asking, asked_alone, part
from orchestration.connectors.network import Asked, ConnectorError, Credentials, Network
from orchestration.settings import Settings

NAME = "hubspot"
PAGE = 100
MOST_PAGES = 100_000  # of one kind: ten million records
_ID = "hs_object_id"
_MERGED = ("hs_merged_object_ids", "hs_calculated_merged_vids")  # 7;9 and 7:1700000000000;9:1700000000000

NETWORK = Network(
    name=NAME,
    base_url=lambda settings: settings.hubspot_url,
    needs=("hubspot_token",),
    page="https://developers.hubspot.com/docs/api-reference/search/guide",
    history="the first pull takes all contacts, tickets and deals; later ones what changed since",
    blind="archived tickets and deals; what a record was before its last change; answers to surveys",
    proof="unproven: published description, and a server of our own",
    history_days=90,
    from_beginning=True,
)


@dataclass(frozen=True)
class _Kind:
    """A kind of object: how the API calls it, and the property that says when it changed."""

    endpoint: str
    changed: str
    associated: bool = True


_CONTACTS = _Kind("contacts", "lastmodifieddate", associated=False)
_TICKETS = _Kind("tickets", "hs_lastmodifieddate")
_DEALS = _Kind("deals", "hs_lastmodifieddate")
_OPENED = "createdate"
_ARCHIVED, _ARCHIVED_AT = "contacts_archived", "archivedAt"


# --- asking -----------------------------------------------------------------------------------------


def credentials(settings: Settings) -> Credentials:
    """The private app's token."""
    if settings.hubspot_token is None:
        raise ConnectorError(f"hubspot needs STATURE_HUBSPOT_TOKEN: see {NETWORK.page}.")
    return Credentials(headers={"Authorization": f"Bearer {settings.hubspot_token.get_secret_value()}"})


def pull(client: Client, asked: Asked) -> None:
    """Contacts, tickets and deals that changed in the time asked for."""
    known = crm_fields(NAME, asked.settings.crm_fields)
    searches = _Searches(client, asked)
    with part(client, "contacts"):
        names = asked_names(known.contacts, _CONTACTS.changed, *_MERGED)
        searches.ask(_CONTACTS, names, known.contacts.as_text())
    with part(client, _ARCHIVED):
        searches.archived()
    if known.service:
        with part(client, "tickets"):
            names = asked_names(known.service, _TICKETS.changed, _OPENED)
            searches.ask(_TICKETS, names, known.service.as_text())
    if known.outcomes:
        with part(client, "deals"):
            names = asked_names(known.outcomes, _DEALS.changed)
            searches.ask(_DEALS, names, known.outcomes.as_text())


def check(client: Client) -> str:
    return f"portal {asked_alone(client, 'account', '/account-info/v3/details').get('portalId', '?')}"


class _Rest:
    """In the place of the vendor's transport: the same calls, through our client."""

    def __init__(self, asking: Asking) -> None:
        self.asking = asking

    def GET(self, url: str, query_params: Any = None, **_: Any) -> _Response:  # noqa: N802 - the vendor's names
        told = {name: str(v).lower() if isinstance(v, bool) else v for name, v in query_params or ()}
        return _Response(self.asking.send("GET", url, told))

    def POST(self, url: str, body: Any = None, **_: Any) -> _Response:  # noqa: N802
        return _Response(self.asking.send("POST", url, json=body))


class _Response:
    """An answer as the vendor's client reads one."""

    def __init__(self, answer: Answer) -> None:
        self.status, self.reason = answer.status, ""
        self.data = answer.body.encode()

    def getheader(self, name: str, default: str | None = None) -> str | None:
        return "application/json; charset=utf-8" if name.lower() == "content-type" else default

    def getheaders(self) -> dict[str, str]:
        return {}


class _Searches:
    """The searches of one pull."""

    def __init__(self, client: Client, asked: Asked) -> None:

        from hubspot import HubSpot  # a second, which only a pull need wait for

        self.client, self.asked = client, asked
        self.asking = Asking(client)
        self.hubspot = HubSpot(access_token="-", api_factory=self._api)  # noqa: S106 - ours is sent

    def _api(self, package: Any, name: str, config: dict[str, Any]) -> Any:
        configuration = package.Configuration()
        configuration.access_token = config["access_token"]
        api_client = package.ApiClient(configuration=configuration)
        api_client.rest_client = _Rest(self.asking)
        return getattr(package, name)(api_client=api_client)

    def ask(self, kind: _Kind, names: list[str], fields: str) -> None:
        """Every page of a kind, in the order of ids, and for tickets and deals their contacts."""
        above = 0
        for _ in range(MOST_PAGES):
            ids, more = self._page(kind, above, names, fields)
            if not more:
                return
            if max(ids) <= above:
                raise AnswerError(f"{kind.endpoint}: a page came back, and the list ends there")
            above = max(ids)
        raise AnswerError(f"{kind.endpoint}: {MOST_PAGES:,} pages did not reach the end")

    def archived(self) -> None:
        """All archived contacts that HubSpot still keeps: it cannot be asked which were archived when."""
        wish = {"limit": PAGE, "archived": True, "properties": [_ID]}
        with self.asking.of(_ARCHIVED):
            for _ in range(MOST_PAGES):
                found = self.hubspot.crm.contacts.basic_api.get_page(**wish, _preload_content=False)
                page = json_fields.node(json.loads(found.data), _ARCHIVED)
                after = json_fields.maybe_identity(json_fields.maybe_node(page, "paging", "next"), "after")
                if after is None:
                    return
                wish["after"] = after
        raise AnswerError(f"{_ARCHIVED}: {MOST_PAGES:,} pages did not reach the end")

    def _page(self, kind: _Kind, above: int, names: list[str], fields: str) -> tuple[list[int], bool]:
        """The records of that kind that come next after an id: their ids, and whether others follow."""
        since, until = (
            str(_milliseconds(moment)) for moment in (crm_rows.asked_since(self.asked), self.asked.until)
        )
        filters = [
            {"propertyName": kind.changed, "operator": "GTE", "value": since},
            {"propertyName": kind.changed, "operator": "LT", "value": until},
            {"propertyName": _ID, "operator": "GT", "value": str(above)},
        ]
        wish = {
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": _ID, "direction": "ASCENDING"}],
            "properties": names,
            "limit": PAGE,
        }
        apis = {"contacts": self.hubspot.crm.contacts, "tickets": self.hubspot.crm.tickets}
        api = apis.get(kind.endpoint, self.hubspot.crm.deals)
        endpoint = f"{kind.endpoint}_changed" if kind.associated else kind.endpoint
        with self.asking.of(endpoint, {} if kind.associated else {"fields": fields}):
            # Read by ourselves: the vendor's models would lose what they do not know.
            found = api.search_api.do_search(public_object_search_request=wish, _preload_content=False)
            page = json_fields.node(json.loads(found.data), endpoint)
            ids = [
                int(json_fields.identity(json_fields.node(one, "result"), "id")) for one in page["results"]
            ]
            more = json_fields.maybe_identity(json_fields.maybe_node(page, "paging", "next"), "after")
        if kind.associated and ids:
            self._whole(kind, ids, names, fields)
        return ids, more is not None and bool(ids)

    def _whole(self, kind: _Kind, ids: list[int], names: list[str], fields: str) -> None:
        """A page's objects beside whose they are: the answer is then whole in itself."""
        inputs = {"inputs": [{"id": str(one)} for one in ids]}
        with self.asking.of(f"{kind.endpoint}_contacts"):
            found = self.hubspot.crm.associations.batch_api.read(
                kind.endpoint, "contacts", batch_input_public_object_id=inputs, _preload_content=False
            )
            contacts = _first_contacts(json.loads(found.data))
        about = {"fields": fields, "contacts": json.dumps(contacts, sort_keys=True)}
        path = f"/crm/v3/objects/{kind.endpoint}/batch/read"
        with self.asking.of(kind.endpoint, about):
            self.asking.send("POST", path, json=inputs | {"properties": names})


def _first_contacts(body: Any) -> dict[str, str]:
    """The first contact of each object of an answer about associations."""
    found: dict[str, str] = {}
    for one in json_fields.array(json_fields.node(body, "associations"), "results"):
        source = json_fields.identity(json_fields.node(one, "result"), "from", "id")
        for to in json_fields.array(json_fields.node(one, "result"), "to"):
            found.setdefault(source, json_fields.identity(json_fields.node(to, "to"), "id"))
    return found


def _milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


# --- mapping ----------------------------------------------------------------------------------------


def rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    """Contract rows of a page of contacts, tickets or deals."""
    mapper = _MAPPERS.get(answer.endpoint)
    if mapper is None:
        return
    changed, read = mapper
    try:
        objects = json_fields.array(json_fields.node(answer.json(), "the answer"), "results")
        moments = crm_rows.moments(changed, "/changed")
        yield from crm_rows.each(answer, map(_flat, objects), reading, moments, read(answer))
    except Unreadable as error:
        yield Refused(error.reason, f"{answer.endpoint}: {error.detail}"[:200])


def kept(answer: Answer, reduce: Callable[[str], str]) -> Answer:
    """As it is: only the properties of `crm_fields` were asked for, and no texts are among them.

    Whose a ticket or deal is goes into the object itself, so that it goes with its contact. Of an archived
    contact nothing stays but that it is one.
    """
    if "contacts" not in answer.about and answer.endpoint != _ARCHIVED:
        return answer
    try:
        if answer.endpoint == _ARCHIVED:
            return _only_archived(answer)
        contacts = json.loads(answer.about["contacts"])
        body = json_fields.node(answer.json(), "the answer")
        for one in json_fields.array(body, "results"):
            if isinstance(one, dict):
                one["contact_id"] = contacts.get(str(one.get("id")))
        about = {name: value for name, value in answer.about.items() if name != "contacts"}
        return replace(answer, body=json.dumps(body, separators=(",", ":"), allow_nan=False), about=about)
    except (Unreadable, ValueError, RecursionError):
        return replace(answer, body="")


def _only_archived(answer: Answer) -> Answer:
    body = json_fields.node(answer.json(), "the answer")
    found = [
        {name: one[name] for name in ("id", _ARCHIVED_AT) if name in one} if isinstance(one, dict) else None
        for one in json_fields.array(body, "results")
    ]
    told = {name: body[name] for name in ("paging",) if name in body} | {"results": found}
    return replace(answer, body=json.dumps(told, separators=(",", ":"), allow_nan=False))


def _flat(value: Any) -> Any:
    """An object's properties with its id and its contact, under names that no property has."""
    if not isinstance(value, dict):
        return value
    own = value.get("properties")
    told = {"/id": "id", "/contact": "contact_id", "/changed": "updatedAt", f"/{_ARCHIVED_AT}": _ARCHIVED_AT}
    return (own if isinstance(own, dict) else {}) | {at: value.get(name) for at, name in told.items()}


_Reader = Callable[[Record, datetime], Iterable[Row | Refused]]


def _contacts(answer: Answer) -> dict[str, str]:
    """The contact of each object as the pull asked for them; none where the answer was stored with them."""
    return dict(json.loads(answer.about.get("contacts", "{}")))


def _contact(answer: Answer) -> _Reader:
    fields = read_contact_fields(crm_rows.about(answer, "fields"))

    def read(record: Record, updated: datetime) -> Iterator[Row | Refused]:
        contact = record.required("/id")
        yield from crm_rows.contact_rows(NAME, record, contact, updated, fields)
        for merged in sorted(_merged(record) - {contact}):
            yield crm_rows.deleted_contact(NAME, merged, updated)

    return read


def _merged(record: Record) -> set[str]:
    """The contacts that became this one. They are in no list any more, archived or not."""
    told = ";".join(record.if_readable(record.text, name) or "" for name in _MERGED)
    return {one.partition(":")[0].strip() for one in told.split(";")} - {""}


def _archived(answer: Answer) -> _Reader:
    return lambda record, updated: [crm_rows.deleted_contact(NAME, record.required("/id"), updated)]


def _ticket(answer: Answer) -> _Reader:
    fields, contacts = read_service_fields(crm_rows.about(answer, "fields")), _contacts(answer)

    def read(record: Record, updated: datetime) -> Iterator[Row]:
        ticket = record.required("/id")
        if contact := contacts.get(ticket) or record.text("/contact"):
            opened = record.required_moment(_OPENED)
            yield crm_rows.service_row(NAME, record, ticket, contact, opened, updated, fields)

    return read


def _deal(answer: Answer) -> _Reader:
    fields, contacts = read_outcome_fields(crm_rows.about(answer, "fields")), _contacts(answer)

    def read(record: Record, updated: datetime) -> Iterator[Row]:
        deal = record.required("/id")
        if contact := contacts.get(deal) or record.text("/contact"):
            yield from crm_rows.outcome_rows(NAME, record, deal, contact, updated, fields)

    return read


_MAPPERS: dict[str, tuple[str, Callable[[Answer], _Reader]]] = {
    "contacts": (_CONTACTS.changed, _contact),
    _ARCHIVED: (f"/{_ARCHIVED_AT}", _archived),
    "tickets": (_TICKETS.changed, _ticket),
    "deals": (_DEALS.changed, _deal),
}
