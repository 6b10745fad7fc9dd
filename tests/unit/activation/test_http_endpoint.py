"""The generic HTTP destination: what the templates make of a record, and what answers mean."""

from collections.abc import Iterator
from typing import Any

import pytest

from orchestration.activation.deliveries import Deliveries
from orchestration.activation.destination import DestinationError, Record, UnansweredError
from orchestration.activation.http_endpoint import HttpDestination, look_up
from orchestration.activation.mapping import CrmMapping
from orchestration.settings import Settings
from tests.fixtures.crm_server import Asked, CrmServer, Reply, serving


class PeopleServer(CrmServer):
    """A small API: PUT and GET of one person at a time."""

    def answer(self, asked: Asked) -> Reply:
        self.last = asked
        if asked.headers.get("X-Key") != "top-secret":
            return Reply(401, {"error": "who are you?"})
        contact_id = asked.path.removeprefix("/people/")
        if contact_id not in self.records:
            return Reply(404, {"error": "no such person"})
        if asked.method == "GET":
            return Reply(200, {"person": self.records[contact_id]})
        if contact_id in self.refused:
            return Reply(422, {"errors": ["Score is too large", "Topic is odd"]})
        self.records[contact_id]["list"] = asked.json["person"]["list"]
        return Reply(204, "")

    def expire(self) -> Reply:
        return Reply(401, {"error": "who are you?"})


@pytest.fixture
def server() -> Iterator[PeopleServer]:
    with serving(PeopleServer({"1": {}, "a%2Fb": {}}, set())) as found:
        yield found


def destination(server: PeopleServer, secret: str = "top-secret", **more: Any) -> HttpDestination:  # noqa: S107
    url = f"{server.url}/people/{{contact_id}}"
    parts = [{"id": 3, "value": "{score}"}, {"id": 4, "value": "about {topic}"}]
    mapping = CrmMapping.model_validate(
        {
            "kind": "http",
            "secret_header": "X-Key",
            "send": {"method": "PUT", "url": url, "body": {"person": {"list": parts, "kind": "x"}}},
            "read": {
                "method": "GET",
                "url": url,
                "values": {"score": "person.list[id=3].value", "topic": "t"},
            },
            "fields": [{"field": "score", "column": "score"}, {"field": "topic", "column": "topic_1"}],
            **more,
        }
    )
    settings = Settings(_env_file=None, crm_secrets={"people": secret}, crm_patience=4)  # type: ignore[call-arg, dict-item]
    return HttpDestination(settings, "people", mapping, lambda seconds: None)


def send(to: HttpDestination, contact_id: str, **values: Any) -> tuple[str, str | None]:
    [outcome] = to.send([Record(contact_id, values)], Deliveries("unused", "people"))
    return outcome.fate, outcome.message


def test_a_record_fills_the_template_and_keeps_its_types(server: PeopleServer) -> None:
    to = destination(server)
    assert send(to, "1", score=57.3, topic="birds") == ("confirmed", None)
    assert server.records["1"]["list"] == [{"id": 3, "value": 57.3}, {"id": 4, "value": "about birds"}]
    assert to.read(["1", "2"], ["score"]) == {"1": {"score": 57.3}}


def test_a_field_that_is_left_alone_is_not_mentioned(server: PeopleServer) -> None:
    send(destination(server), "1", score=57.3)
    assert server.records["1"]["list"] == [{"id": 3, "value": 57.3}]


def test_an_id_cannot_lead_elsewhere(server: PeopleServer) -> None:
    assert send(destination(server), "a/b", score=1.0, topic="t")[0] == "confirmed"
    assert server.last.path == "/people/a%2Fb"


def test_what_the_crm_says_is_the_reason(server: PeopleServer) -> None:
    server.refused = {"1"}
    assert send(destination(server), "1", score=1.0, topic="t") == (
        "refused",
        "422: Score is too large, Topic is odd",
    )
    assert send(destination(server), "2", score=1.0, topic="t") == ("refused", "404: no such person")


def test_what_passes_is_waited_for_and_what_does_not_is_said(server: PeopleServer) -> None:
    server.faults.extend(["lost", "503"])
    assert send(destination(server), "1", score=1.0, topic="t")[0] == "confirmed"
    server.faults.extend(["429", "429"])
    with pytest.raises(UnansweredError, match="rate limit"):
        send(destination(server), "1", score=1.0, topic="t")
    with pytest.raises(DestinationError, match="STATURE_CRM_SECRETS") as refused:
        send(destination(server, secret="another"), "1", score=1.0, topic="t")  # noqa: S106
    assert "another" not in str(refused.value)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"send": {"url": "http://127.0.0.1/{nobody}", "body": {}}}, "{nobody}, and no field is called so"),
        (
            {"send": {"url": "http://127.0.0.1/", "body": {"a": "{score}"}}},
            "does not mention the field topic",
        ),
    ],
)
def test_a_template_that_does_not_fit_is_found_before_anything_is_sent(
    server: PeopleServer, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(DestinationError, match=message):
        destination(server, **more)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("a.b", 1),
        ("a.list[id=2].v", "two"),
        ("a.list[id=9].v", None),
        ("a.b.c", None),
        ("nothing", None),
        ("a", None),
    ],
)
def test_places_in_an_answer(place: str, value: object) -> None:
    body = {"a": {"b": 1, "list": [{"id": 1, "v": "one"}, {"id": 2, "v": "two"}]}}
    assert look_up(body, place) == value
