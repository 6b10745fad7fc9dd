"""HubSpot: contacts, tickets and won deals that changed, by the CRM v3 search, and whose they are.

The search gives no more than ten thousand results, so a longer one begins again where the last page ended. It
gives no associations either: those of a page are asked for next, and stand beside the page's answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestration.connectors import fields as json_fields
from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.client import Client
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
MOST_RESULTS = 10_000  # of one search
MOST_SEARCHES = 1_000

NETWORK = Network(
    name=NAME,
    base_url=lambda settings: settings.hubspot_url,
    needs=("hubspot_token",),
    page="https://developers.hubspot.com/docs/api-reference/search/guide",
    history="the first pull takes all contacts, tickets and deals; later ones what changed since",
    blind="archived and merged records; what a record was before its last change; answers to surveys",
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
        searches.ask(_CONTACTS, asked_names(known.contacts, _CONTACTS.changed), known.contacts.as_text())
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
        return _Response(self.asking.send("GET", url, dict(query_params or {})))

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
        """Every page of a kind, in order of change, and for tickets and deals their contacts."""
        since = _milliseconds(self.asked.since)
        for _ in range(MOST_SEARCHES):
            last = self._search(kind, since, names, fields)
            if last is None:
                return
            if last <= since:
                # More than ten thousand changed in one moment, as an import may do: go on behind it.
                self.client.note(
                    f"{kind.endpoint}: more changed at once than a search gives; some were left out"
                )
                self.client.incomplete = True
                last = since + 1
            since = last
        self.client.note(f"{kind.endpoint}: {MOST_SEARCHES:,} searches did not reach the end")
        self.client.incomplete = True

    def _search(self, kind: _Kind, since: int, names: list[str], fields: str) -> int | None:
        """One search up to its end, or up to where the next one has to begin, which is returned."""
        after, taken, last = None, 0, since
        seen: set[str | None] = set()
        while after not in seen:
            seen.add(after)
            page = self._page(kind, since, after, names, fields)
            results = page["results"] if isinstance(page.get("results"), list) else []
            taken += len(results)
            last = max([last, *_moments(results, kind.changed)])
            following = json_fields.maybe_node(page, "paging", "next")
            after = json_fields.maybe_identity(following, "after")
            if after is None or not results:
                return None
            if taken + PAGE > MOST_RESULTS:
                return last
        self.client.note(f"{kind.endpoint}: a cursor came back, and the list ends there")
        self.client.incomplete = True
        return None

    def _page(
        self, kind: _Kind, since: int, after: str | None, names: list[str], fields: str
    ) -> json_fields.Node:
        wish = {
            "filterGroups": [
                {
                    "filters": [
                        {"propertyName": kind.changed, "operator": "GTE", "value": str(since)},
                        {
                            "propertyName": kind.changed,
                            "operator": "LT",
                            "value": str(_milliseconds(self.asked.until)),
                        },
                    ]
                }
            ],
            "sorts": [f"{kind.changed}"],
            "properties": names,
            "limit": PAGE,
        } | ({"after": after} if after else {})
        apis = {"contacts": self.hubspot.crm.contacts, "tickets": self.hubspot.crm.tickets}
        api = apis.get(kind.endpoint, self.hubspot.crm.deals)
        endpoint = f"{kind.endpoint}_changed" if kind.associated else kind.endpoint
        with self.asking.of(endpoint, {} if kind.associated else {"fields": fields}):
            # Read by ourselves: the vendor's models would lose what they do not know.
            found = api.search_api.do_search(public_object_search_request=wish, _preload_content=False)
            page = json_fields.node(json.loads(found.data), endpoint)
        ids = [str(one["id"]) for one in page.get("results") or [] if isinstance(one, dict) and one.get("id")]
        if kind.associated and ids:
            self._whole(kind, ids, names, fields)
        return page

    def _whole(self, kind: _Kind, ids: list[str], names: list[str], fields: str) -> None:
        """A page's objects beside whose they are: the answer is then whole in itself."""
        inputs = {"inputs": [{"id": one} for one in ids]}
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


def _moments(results: Iterable[Any], changed: str) -> Iterator[int]:
    for one in results:
        try:
            record = Record(json_fields.maybe_node(json_fields.node(one, "result"), "properties"), "search")
            if moment := record.moment(changed):
                yield _milliseconds(moment)
        except Unreadable:
            continue  # the mapping refuses it by name


# --- mapping ----------------------------------------------------------------------------------------


def rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    """Contract rows of a page of contacts, tickets or deals."""
    mapper = _MAPPERS.get(answer.endpoint)
    if mapper is None:
        return
    kind, read = mapper
    try:
        objects = json_fields.array(json_fields.node(answer.json(), "the answer"), "results")
        yield from crm_rows.each(answer, map(_flat, objects), reading, kind.changed, read(answer))
    except Unreadable as error:
        yield Refused(error.reason, f"{answer.endpoint}: {error.detail}"[:200])


def kept(answer: Answer, reduce: Callable[[str], str]) -> Answer:
    """As it is: only the properties of `crm_fields` were asked for, and no texts are among them.

    Whose a ticket or deal is goes into the object itself, so that it goes with its contact.
    """
    if "contacts" not in answer.about:
        return answer
    try:
        contacts = json.loads(answer.about["contacts"])
        body = json_fields.node(answer.json(), "the answer")
        for one in json_fields.array(body, "results"):
            if isinstance(one, dict):
                one["contact_id"] = contacts.get(str(one.get("id")))
        about = {name: value for name, value in answer.about.items() if name != "contacts"}
        return replace(answer, body=json.dumps(body, separators=(",", ":"), allow_nan=False), about=about)
    except (Unreadable, ValueError, RecursionError):
        return replace(answer, body="")


def _flat(value: Any) -> Any:
    """An object's properties with its id and its contact, under names that no property has."""
    if not isinstance(value, dict) or not isinstance(value.get("properties"), dict):
        return value
    return {**value["properties"], "/id": value.get("id"), "/contact": value.get("contact_id")}


_Reader = Callable[[Record, datetime], Iterable[Row | Refused]]


def _about(answer: Answer, name: str) -> str:
    try:
        return answer.about[name]
    except KeyError:
        raise Unreadable("missing_column", f"the request does not say {name}") from None


def _contacts(answer: Answer) -> dict[str, str]:
    """The contact of each object as the pull asked for them; none where the answer was stored with them."""
    return dict(json.loads(answer.about.get("contacts", "{}")))


def _contact(answer: Answer) -> _Reader:
    fields = read_contact_fields(_about(answer, "fields"))
    return lambda record, updated: crm_rows.contact_rows(
        NAME, record, record.required("/id"), updated, fields
    )


def _ticket(answer: Answer) -> _Reader:
    fields, contacts = read_service_fields(_about(answer, "fields")), _contacts(answer)

    def read(record: Record, updated: datetime) -> Iterator[Row]:
        ticket = record.required("/id")
        if contact := contacts.get(ticket) or record.text("/contact"):
            opened = record.required_moment(_OPENED)
            yield crm_rows.service_row(NAME, record, ticket, contact, opened, updated, fields)

    return read


def _deal(answer: Answer) -> _Reader:
    fields, contacts = read_outcome_fields(_about(answer, "fields")), _contacts(answer)

    def read(record: Record, updated: datetime) -> Iterator[Row]:
        deal = record.required("/id")
        if contact := contacts.get(deal) or record.text("/contact"):
            yield from crm_rows.outcome_rows(NAME, record, deal, contact, updated, fields)

    return read


_MAPPERS: dict[str, tuple[_Kind, Callable[[Answer], _Reader]]] = {
    "contacts": (_CONTACTS, _contact),
    "tickets": (_TICKETS, _ticket),
    "deals": (_DEALS, _deal),
}
