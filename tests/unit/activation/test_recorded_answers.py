"""What real services answered, read by the outgoing clients: rows of queries, and the ways they say no.

Nobody recorded a Bulk API 2.0 job, HubSpot's version 3 or Zendesk; these are as their documentation has them.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from orchestration.activation.deliveries import Deliveries
from orchestration.activation.destination import DestinationError, Record, UnansweredError
from orchestration.activation.hubspot import HubSpotDestination
from orchestration.activation.mapping import CrmMapping
from orchestration.activation.salesforce import SalesforceDestination
from orchestration.settings import Settings
from tests.fixtures.crm_server import Asked, CrmServer, Reply, serving
from tests.fixtures.recorded_answers import API


class Says(CrmServer):
    """Whatever is asked, the same answer."""

    reply = Reply(200, {})

    def answer(self, asked: Asked) -> Reply:
        return self.reply

    def expire(self) -> Reply:
        return Reply(401, {})


@pytest.fixture
def server() -> Iterator[Says]:
    with serving(Says({}, set())) as found:
        yield found


def recorded(name: str) -> list[dict[str, Any]]:
    path = API / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"the recorded answers are not here: {path}")
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


def salesforce(server: Says, kind: str, fields: list[str]) -> SalesforceDestination:
    mapping = CrmMapping.model_validate(
        {
            "kind": "salesforce",
            "object": kind,
            "id_field": "Id",
            "fields": [{"field": name, "column": "score"} for name in fields],
        }
    )
    settings = Settings(  # type: ignore[call-arg]
        _env_file=None,
        salesforce_url=server.url,
        salesforce_token="t",  # type: ignore[arg-type]  # noqa: S106
        crm_patience=0,
    )
    return SalesforceDestination(settings, "salesforce", mapping, lambda seconds: None)


def hubspot(server: Says) -> HubSpotDestination:
    mapping = CrmMapping.model_validate({"kind": "hubspot", "fields": [{"field": "s", "column": "score"}]})
    settings = Settings(  # type: ignore[call-arg]
        _env_file=None,
        hubspot_url=server.url,
        hubspot_token="t",  # type: ignore[arg-type]  # noqa: S106
        crm_patience=0,
    )
    return HubSpotDestination(settings, "hubspot", mapping, lambda seconds: None)


def test_salesforces_rows_are_read_back_as_they_are(server: Says) -> None:
    rows = 0
    for entry in recorded("salesforce"):
        if "/query/" not in entry["url"] or entry["status"] != 200 or "/tooling/" in entry["url"]:
            continue
        body = json.loads(entry["body"])
        found = {row["Id"]: row for row in body.get("records", []) if "Id" in row}
        names = {name for row in found.values() for name in row}
        nested = {n for row in found.values() for n, value in row.items() if isinstance(value, dict | list)}
        fields = sorted(names - nested - {"Id"})
        if not fields or not body.get("done"):
            continue
        server.reply = Reply(200, body)
        kind = body["records"][0]["attributes"]["type"]
        read = salesforce(server, kind, fields).read([*found, "003000000000000AAA"], fields)
        assert read == {one: {n: values.get(n) for n in fields} for one, values in found.items()}
        rows += len(found)
    assert rows


def refusals(content: Any) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Errors inside of composite answers, which have the form of a call's own."""
    if isinstance(content, dict):
        status, body = content.get("httpStatusCode"), content.get("body")
        if isinstance(status, int) and status >= 400 and isinstance(body, list) and body:
            yield status, body
        for value in content.values():
            yield from refusals(value)
    elif isinstance(content, list):
        for value in content:
            yield from refusals(value)


def test_salesforces_refusals_are_told_in_its_own_words(server: Says) -> None:
    seen = 0
    for entry in recorded("salesforce"):
        if "/composite" not in entry["url"] or entry["status"] != 200:
            continue
        for status, body in refusals(json.loads(entry["body"])):
            server.reply = Reply(status, body)
            with pytest.raises(DestinationError) as refused:
                salesforce(server, "Contact", ["Score__c"]).read(["003000000000000AAA"], ["Score__c"])
            assert f"{body[0]['errorCode']}: " in str(refused.value)
            seen += 1
    assert seen


def test_hubspots_refusals_are_told_in_its_own_words(server: Says) -> None:
    seen: dict[str, int] = {}
    for entry in recorded("hubspot"):
        if entry["status"] < 400:
            continue
        kind = str(entry["headers"].get("Content-Type", [""])[0])
        server.reply = Reply(entry["status"], entry.get("body") or "", {"Content-Type": kind})
        try:
            [outcome] = hubspot(server).send([Record("1", {"s": 1.0})], Deliveries("unused", "hubspot"))
            said, fate = str(outcome.message), outcome.fate
        except UnansweredError as error:
            said, fate = str(error), "unanswered"
        except DestinationError as error:
            said, fate = str(error), "stopped"
        seen[fate] = seen.get(fate, 0) + 1
        if "html" in kind:
            assert (fate, said) == ("unanswered", f"answered {entry['status']} with a web page")
            continue
        body = json.loads(entry["body"]) if entry.get("body") else {}
        assert fate == ("stopped" if entry["status"] == 401 else "refused")
        assert str(body.get("message", f"answered {entry['status']}"))[:300] in said
        for reason in body.get("validationResults", []):
            assert reason["message"] in said
    assert {"refused", "unanswered", "stopped"} <= seen.keys()
