"""The generic HTTP destination: what the templates make of a record, and what answers mean."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration.activation.apply import Report
from orchestration.activation.contacts import Contacts
from orchestration.activation.deliveries import Deliveries
from orchestration.activation.destination import DestinationError, Record, UnansweredError
from orchestration.activation.http_endpoint import HttpDestination, look_up
from orchestration.activation.mapping import CrmMapping
from orchestration.activation.sync import sync_crm
from orchestration.settings import Settings
from tests.fixtures.contact_scores import DAY, contact
from tests.fixtures.crm_server import Asked, CrmServer, Reply, serving


class PeopleServer(CrmServer):
    """A small API: PUT and GET of one person at a time. `broken` are answered with a status of their own."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.broken: dict[str, int] = {}

    def answer(self, asked: Asked) -> Reply:
        self.last = asked
        if asked.headers.get("X-Key") != "top-secret":
            return Reply(401, {"error": "who are you?"})
        contact_id = asked.path.removeprefix("/people/")
        if contact_id not in self.records:
            return Reply(404, {"error": "no such person"})
        if asked.method == "GET":
            return Reply(200, {"person": self.records[contact_id]})
        if contact_id in self.broken:
            return Reply(self.broken[contact_id], {"error": "not you"})
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


def test_a_repetition_can_be_known_by_its_id(server: PeopleServer) -> None:
    url = f"{server.url}/people/{{contact_id}}"
    body = {"person": {"list": ["{score}", "{topic}"]}}
    to = destination(server, send={"url": url, "headers": {"Idempotency-Key": "{send_id}"}, "body": body})
    keys = []
    server.faults.append("lost")
    for score in (50.0, 50.0, 60.0):
        assert send(to, "1", score=score, topic="t")[0] == "confirmed"
        keys.append(server.last.headers["Idempotency-Key"])
    assert keys[0] == keys[1] != keys[2]


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
        (
            {"read": {"url": "http://127.0.0.1/", "values": {"score": "score"}}},
            "does not say where to read topic",
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


def send_all(to: HttpDestination, *contact_ids: str) -> list[tuple[str, str]]:
    records = [Record(one, {"score": 1.0, "topic": "t"}) for one in contact_ids]
    return [(o.contact_id, o.fate) for o in to.send(records, Deliveries("unused", "people"))]


@pytest.fixture
def many(server: PeopleServer) -> PeopleServer:
    server.records |= {str(n): {} for n in range(1, 7)}
    return server


def test_a_record_that_breaks_the_crm_holds_up_no_other(many: PeopleServer) -> None:
    many.broken = {"2": 500, "4": 403}
    fates = send_all(destination(many), "1", "2", "3", "4", "..", "5")
    expected = ["confirmed", "failed", "confirmed", "refused", "refused", "confirmed"]
    assert [fate for _, fate in fates] == expected


def test_several_in_a_row_are_the_crms_trouble_and_what_is_known_is_kept(many: PeopleServer) -> None:
    many.broken = dict.fromkeys(["2", "3", "4"], 500)
    with pytest.raises(UnansweredError) as ended:
        send_all(destination(many), "1", "2", "3", "4", "5")
    assert [outcome.fate for outcome in ended.value.outcomes] == ["confirmed", *["failed"] * 3]
    many.broken = dict.fromkeys(["1", "2", "3"], 403)
    with pytest.raises(DestinationError, match="does not let us in"):
        send_all(destination(many), "1", "2", "3", "4")


def test_a_field_without_a_place_in_the_request_is_not_called_empty(
    many: PeopleServer, tmp_path: Path
) -> None:
    url = f"{many.url}/people/{{contact_id}}"
    whole = [{"id": 3, "value": "{score}"}, {"id": 4, "value": "{topic}"}]
    places = {"score": "person.list[id=3].value", "topic": "person.list[id=4].value"}

    def mapping(*names: str) -> None:
        content = {
            "kind": "http",
            "secret_header": "X-Key",
            "send": {"method": "PUT", "url": url, "body": {"person": {"list": whole[: len(names)]}}},
            "read": {"method": "GET", "url": url, "values": places},
            "fields": [
                {"field": name, "column": {"score": "score", "topic": "topic_1"}[name]} for name in names
            ],
        }
        (tmp_path / "people.yaml").write_text(yaml.safe_dump(content))

    settings = Settings(  # type: ignore[call-arg]
        _env_file=None,
        home=str(tmp_path),
        crm_mappings=str(tmp_path),
        crm_secrets={"people": "top-secret"},  # type: ignore[dict-item]
    )

    def sync(run_id: str, **columns: Any) -> Report:
        read = lambda settings, crm: Contacts([contact("1", **columns)], DAY)  # noqa: E731
        return sync_crm(settings, "people", run_id, yes=True, today=DAY, read=read)

    mapping("score", "topic")
    assert sync("run1").failure is None
    mapping("score")
    assert sync("run2", score=60.0).failure is None
    left = sync("run3", score=None, unscored_reason="opted_out")
    assert "has no place for topic" in next(iter(left.reasons))
    assert left.failure == "1 records refused"
    assert many.records["1"]["list"] == [{"id": 3, "value": None}], "what has a place is emptied"
    mapping("score", "topic")
    assert sync("run4", score=None, unscored_reason="opted_out").run.counts["emptied"] == 1
    assert many.records["1"]["list"] == [{"id": 3, "value": None}, {"id": 4, "value": None}]
