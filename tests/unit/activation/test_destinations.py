"""Syncs with servers of three CRMs, which keep to the documented forms and fail when told to."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from orchestration.activation.deliveries import Deliveries
from orchestration.activation.hubspot import HubSpotDestination
from orchestration.activation.salesforce import SalesforceDestination
from orchestration.activation.sync import SyncError
from tests.fixtures.crm_harness import FIELDS, KINDS, Harness, harness
from tests.fixtures.hubspot_server import HubSpotServer
from tests.fixtures.salesforce_server import SalesforceServer
from tests.fixtures.zendesk_server import ZendeskServer


@pytest.fixture(params=KINDS)
def crm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
    with harness(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def salesforce(tmp_path: Path) -> Iterator[Harness]:
    with harness("salesforce", tmp_path) as found:
        yield found


@pytest.fixture
def hubspot(tmp_path: Path) -> Iterator[Harness]:
    with harness("hubspot", tmp_path) as found:
        yield found


@pytest.fixture
def zendesk(tmp_path: Path) -> Iterator[Harness]:
    with harness("zendesk", tmp_path) as found:
        yield found


def test_scores_arrive_and_are_not_sent_again(crm: Harness) -> None:
    rows = [crm.row(n, 40.0 + n) for n in range(5)]
    report = crm.sync(rows)
    assert report.failure is None
    assert report.run.counts["confirmed"] == 5
    for place, row in enumerate(rows):
        assert crm.missing(place, crm.mapping.values(row)) == []
    before = sum(crm.server.calls.values())
    assert crm.sync(rows).run.counts["unchanged"] == 5
    token = 1 if crm.crm == "salesforce" else 0
    assert sum(crm.server.calls.values()) == before + token, "nothing to send, nothing asked"
    crm.untouched()


def test_an_opt_out_empties_the_score_and_nothing_else(crm: Harness) -> None:
    crm.sync([crm.row(0), crm.row(1)])
    report = crm.sync([crm.row(0, None, unscored_reason="opted_out"), crm.row(1)])
    assert (report.run.counts["emptied"], report.run.counts["confirmed"]) == (1, 0)
    emptied = {"score": None, "topic": None, "as_of": None, "unscored": "opted_out"}
    assert crm.missing(0, emptied) == []
    assert crm.held(1)["topic"] == "bicycles"
    crm.untouched()


@pytest.mark.parametrize("fault", ["429", "503", "before", "lost"])
def test_what_passes_is_waited_for(crm: Harness, fault: str) -> None:
    crm.server.faults.extend([fault, "none", fault, "none", fault])
    rows = [crm.row(n) for n in range(5)]
    assert crm.sync(rows).failure is None
    assert crm.missing(4, crm.mapping.values(rows[4])) == []
    assert crm.waits
    if fault == "429":
        assert 3.0 in crm.waits, "as long as the CRM asked"
    crm.untouched()


def test_a_call_that_hangs_after_the_write_is_repeated(tmp_path: Path) -> None:
    with harness("hubspot", tmp_path, crm_timeout=0.3) as crm:
        crm.server.faults.append("hang")
        rows = [crm.row(0)]
        assert crm.sync(rows).failure is None
        assert crm.missing(0, crm.mapping.values(rows[0])) == []


def test_an_outage_leaves_records_for_the_next_run(crm: Harness) -> None:
    rows = [crm.row(n) for n in range(5)]
    token = ["none"] if crm.crm == "salesforce" else []
    crm.server.faults.extend([*token, *["503"] * 6])
    report = crm.sync(rows)
    assert report.failure is not None
    assert "no answer: answered 503" in report.failure
    assert report.run.counts["failed"] == 5
    assert crm.sync(rows).failure is None
    assert crm.missing(2, crm.mapping.values(rows[2])) == []


def test_a_refused_record_alone_is_tried_again_and_its_reason_kept(crm: Harness) -> None:
    crm.server.refused = {crm.ids[2]}
    rows = [crm.row(n) for n in range(5)]
    for run in range(4):
        report = crm.sync(rows)
        assert (report.run.counts["confirmed"], report.run.counts["refused"]) == (4 if run == 0 else 0, 1)
        assert "1 records refused" in str(report.failure)
        assert list(report.reasons.values()) == [1]
    assert crm.sync(rows).run.counts["given_up"] == 1
    last = crm.sync(rows)
    assert (last.failure, last.run.counts["resting"]) == (None, 1)
    crm.server.refused = set()
    assert crm.sync(rows).run.counts["resting"] == 1, "the same data do not wake it"
    rows[2] = crm.row(2, 70.0)
    assert crm.sync(rows).run.counts["confirmed"] == 1
    assert crm.missing(2, crm.mapping.values(rows[2])) == []


def test_a_contact_that_the_crm_does_not_have_is_refused(crm: Harness) -> None:
    rows = [crm.row(0), crm.row(1)]
    del crm.server.records[crm.ids[1]]
    report = crm.sync(rows)
    assert (report.run.counts["confirmed"], report.run.counts["refused"]) == (1, 1)
    assert crm.ids[1] not in crm.server.records, "and not made"


def test_an_unknown_outcome_is_made_known_again(crm: Harness) -> None:
    # The CRM writes 70 and we never learn it; then the score is back where it was.
    crm.sync([crm.row(0, 50.0)])
    if crm.crm == "zendesk":
        crm.server.faults.extend(["none", "none", "forget"])
    elif crm.crm == "salesforce":
        crm.server.faults.extend(["none"] * 4 + ["lost"] * 6)
    else:
        crm.server.faults.extend(["lost"] * 6)
    assert crm.sync([crm.row(0, 70.0)]).failure is not None
    assert crm.known()[crm.ids[0]].uncertain
    rows = [crm.row(0, 50.2)]
    assert crm.plan(rows).counts.retried == 1
    assert crm.sync(rows).failure is None
    assert crm.missing(0, crm.mapping.values(rows[0])) == []


def test_fields_that_the_crm_drops_in_silence_fail_the_sync_by_name(tmp_path: Path) -> None:
    for kind in KINDS:
        with harness(kind, tmp_path / kind, silent=True, fields={"score", "as_of", "unscored"}) as crm:
            rows = [crm.row(n) for n in range(5)]
            report = crm.sync(rows)
            assert "topic (5 of 5)" in str(report.failure)
            assert "score" not in str(report.failure)
            assert crm.plan(rows).counts.retried == 5, "nothing of it is known to have arrived"
            crm.server.fields.add("topic")
            assert crm.sync(rows).failure is None
            assert crm.held(0)["topic"] == "bicycles"


def test_a_field_that_people_edited_stays_theirs(tmp_path: Path) -> None:
    fields = [FIELDS[0], {**FIELDS[1], "ours_unless_edited": True}]
    for kind in KINDS:
        with harness(kind, tmp_path / kind, mapping={"fields": fields}) as crm:
            assert crm.sync([crm.row(0, topic_1="bicycles"), crm.row(1)]).failure is None
            crm.held(0)["topic"] = "Tandems, she says"
            rows = [crm.row(0, 60.0, topic_1="birds"), crm.row(1, 60.0, topic_1="birds")]
            assert crm.sync(rows).failure is None
            assert (crm.held(0)["topic"], float(crm.held(0)["score"])) == ("Tandems, she says", 60.0)
            assert crm.held(1)["topic"] == "birds"
            assert crm.plan(rows).changes == (), "and it is no reason to send again"
            crm.held(0)["topic"] = None
            assert crm.sync([crm.row(0, 70.0, topic_1="boats"), rows[1]]).failure is None
            assert crm.held(0)["topic"] == "boats", "emptied, it is handed back"


def test_without_its_settings_a_crm_says_which_it_needs(crm: Harness) -> None:
    bare = crm.settings.model_copy(
        update={"salesforce_client_secret": None, "hubspot_token": None, "zendesk_token": None}
    )
    crm.settings = bare
    with pytest.raises(SyncError, match=r"needs STATURE_\w+"):
        crm.sync([crm.row(0)])


# --- what only one of them does -------------------------------------------------------------------


def test_an_expired_token_is_renewed_in_the_middle(salesforce: Harness) -> None:
    salesforce.server.faults.extend(["none", "none", "expired", "none", "none", "expired"])
    assert salesforce.sync([salesforce.row(0)]).failure is None
    assert salesforce.held(0)["score"] == 50.0


@pytest.mark.parametrize("kind", ["hubspot", "zendesk"])
def test_a_token_that_cannot_be_renewed_is_named(tmp_path: Path, kind: str) -> None:
    with harness(kind, tmp_path) as crm:
        crm.server.faults.append("expired")
        report = crm.sync([crm.row(0)])
        assert f"STATURE_{kind.upper()}_TOKEN" in str(report.failure)
        assert "secret" not in str(report.failure)
        assert crm.sync([crm.row(0)]).failure is None


def test_an_aborted_jobs_records_are_those_that_it_came_to(salesforce: Harness) -> None:
    rows = [salesforce.row(n) for n in range(4)]
    salesforce.server.faults.extend(["none"] * 5 + ["abort"])
    report = salesforce.sync(rows)
    assert (report.run.counts["confirmed"], report.run.counts["failed"]) == (2, 2)
    again = salesforce.sync(rows)
    assert (again.run.counts["confirmed"], again.failure) == (2, None)


def test_a_job_left_over_from_a_killed_run_is_ended_before_anything_newer_is_sent(
    salesforce: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        patched.setattr("orchestration.activation.salesforce.SalesforceDestination._await", killed)
        with pytest.raises(KeyboardInterrupt):
            salesforce.sync([salesforce.row(0, 40.0)])
    [job] = salesforce.server.jobs.values()  # type: ignore[attr-defined]
    assert job.state == "UploadComplete"
    assert Deliveries(salesforce.settings.home, "salesforce").unsettled() == [job.id]
    rows = [salesforce.row(0, 90.0)]
    assert salesforce.sync(rows).failure is None
    assert job.state == "Aborted"
    assert salesforce.held(0)["score"] == 90.0
    assert Deliveries(salesforce.settings.home, "salesforce").unsettled() == []


def test_records_are_never_sent_to_another_host(salesforce: Harness) -> None:
    # What answers the token's request names the organisation; it does not decide where records go.
    salesforce.server.instance = "https://elsewhere.example"  # type: ignore[attr-defined]
    assert salesforce.sync([salesforce.row(0)]).failure is None
    assert salesforce.held(0)["score"] == 50.0


def test_an_address_as_external_id_may_come_back_in_small_letters(tmp_path: Path) -> None:
    with harness("salesforce", tmp_path, mapping={"id_field": "Email__c"}) as crm:
        addresses = ["Ada.Okonkwo@Example.com", "bo@example.com"]
        for place, address in enumerate(addresses):
            crm.held(place)["Email__c"] = address.lower()
        rows = [crm.row(place) | {"contact_id": address} for place, address in enumerate(addresses)]
        report = crm.sync(rows)
        assert (report.failure, report.run.counts["confirmed"]) == (None, 2)
        assert crm.held(0)["score"] == 50.0


def test_a_text_that_could_break_a_csv_arrives_as_it_is(salesforce: Harness) -> None:
    topic = 'a "quoted", comma\nand a line; =1+1 \' ä'
    assert salesforce.sync([salesforce.row(0, topic_1=topic)]).failure is None
    assert salesforce.held(0)["topic"] == topic


def test_half_a_batch_refused_is_half_a_batch_confirmed(hubspot: Harness) -> None:
    hubspot.server.faults.append("half")
    rows = [hubspot.row(n) for n in range(4)]
    report = hubspot.sync(rows)
    assert (report.run.counts["confirmed"], report.run.counts["refused"]) == (2, 2)
    assert hubspot.sync(rows).run.counts["confirmed"] == 2


def test_one_bad_record_costs_its_batch_a_few_calls_and_nobody_else_their_score(tmp_path: Path) -> None:
    with harness("hubspot", tmp_path, count=100, crm_read_back=0) as crm:
        crm.server.refused = {crm.ids[37]}
        report = crm.sync([crm.row(n) for n in range(100)])
        assert (report.run.counts["confirmed"], report.run.counts["refused"]) == (99, 1)
        assert report.run.calls <= 15


def test_a_forgotten_job_is_an_unknown_outcome(zendesk: Harness) -> None:
    zendesk.server.faults.extend(["none", "none", "forget"])
    rows = [zendesk.row(0)]
    report = zendesk.sync(rows)
    assert report.failure == "1 records failed"
    assert list(report.reasons) == ["the job was forgotten before its results were read"]
    assert Deliveries(zendesk.settings.home, "zendesk").unsettled() == []
    assert zendesk.held(0)["score"] == 50.0, "it was written all the same"
    assert zendesk.sync(rows).failure is None


def test_a_merged_contact_is_refused_with_that_reason_and_rests(hubspot: Harness) -> None:
    server = cast(HubSpotServer, hubspot.server)
    server.merged = {hubspot.ids[0]: hubspot.ids[4]}
    server.refused = {hubspot.ids[2]}
    rows = [hubspot.row(n, 60.0) for n in range(3)]
    for _ in range(4):
        report = hubspot.sync(rows)
        assert report.run.counts["refused"] == 2
        assert any("merged into another" in reason for reason in report.reasons)
    assert hubspot.sync(rows).run.counts["given_up"] == 2
    assert hubspot.sync(rows).run.counts["resting"] == 2
    left = [hubspot.row(0, None, unscored_reason="opted_out"), *rows[1:]]
    report = hubspot.sync(left)
    assert (report.failure, report.run.counts["emptied"]) == (None, 1)
    assert hubspot.held(4)["score"] is None, "what was written to the other goes"
    assert hubspot.plan(left).changes == ()


def test_many_that_are_not_there_are_refused_each_and_hold_up_nothing(tmp_path: Path) -> None:
    with harness("hubspot", tmp_path, count=12) as crm:
        rows = [crm.row(n) for n in range(12)]
        crm.server.records.clear()
        assert crm.sync(rows).run.counts["refused"] == 12
        for _ in range(4):
            crm.sync(rows)
        assert crm.sync(rows).run.counts["resting"] == 12


def test_a_proxys_word_is_an_outage_and_no_refusal(tmp_path: Path) -> None:
    with harness("hubspot", tmp_path, count=20) as crm:
        crm.server.faults.extend(["proxy"] * 6)
        report = crm.sync([crm.row(n) for n in range(20)])
        assert "no answer: answered 400 with a web page" in str(report.failure)
        assert (report.run.calls, report.run.counts["failed"]) == (6, 20)
        crm.server.faults.append("moved")
        report = crm.sync([crm.row(n) for n in range(20)])
        assert "STATURE_HUBSPOT_URL" in str(report.failure)
        assert report.run.calls == 1
        assert crm.sync([crm.row(n) for n in range(20)]).failure is None


@pytest.mark.parametrize(("kind", "batch"), [("hubspot", 100), ("zendesk", 100)])
def test_no_more_calls_than_the_batches_need(tmp_path: Path, kind: str, batch: int) -> None:
    with harness(kind, tmp_path, count=1_050, crm_read_back=0) as crm:
        report = crm.sync([crm.row(n) for n in range(1_050)])
        assert report.failure is None
        writes = sum(n for call, n in crm.server.calls.items() if "update" in call)
        assert writes == -(-1_050 // batch)
        assert crm.missing(1_049, crm.mapping.values(crm.row(1_049))) == []


# --- what went wrong once -------------------------------------------------------------------------


def test_a_job_without_an_end_is_not_forgotten_for_a_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SalesforceDestination, "at_once", 2)
    with harness("salesforce", tmp_path, count=4, crm_patience=1, crm_read_back=0) as crm:
        server = cast(SalesforceServer, crm.server)
        server.stuck = True

        def wait(seconds: float) -> None:
            server.stuck = len(server.jobs) < 2

        report = crm.sync([crm.row(n, 10.0) for n in range(4)], wait=wait)
        assert (report.run.counts["failed"], report.run.counts["confirmed"]) == (2, 2)
        first = next(iter(server.jobs.values()))
        assert (first.state, Deliveries(crm.settings.home, "salesforce").unsettled()) == (
            "InProgress",
            [first.id],
        )
        server.stuck = True
        assert crm.sync([crm.row(n, 90.0) for n in range(4)], wait=wait).failure is None
        assert first.state == "Aborted", "what it would write is older now"
        assert [crm.held(n)["score"] for n in range(4)] == [90.0] * 4


def test_a_value_that_a_lost_call_may_bring_later_is_overwritten_again(hubspot: Harness) -> None:
    assert hubspot.sync([hubspot.row(0, 40.0)]).failure is None
    hubspot.server.faults.extend(["before"] * 6)  # as if they were under way still
    assert hubspot.sync([hubspot.row(0, 70.0)]).failure is not None
    rows = [hubspot.row(0, 50.0)]
    assert hubspot.sync(rows).failure is None
    hubspot.held(0)["score"] = "70.0"  # one of them was
    assert hubspot.plan(rows).changes[0].causes == ("once more",)
    assert hubspot.sync(rows).failure is None
    assert hubspot.held(0)["score"] == "50.0"
    assert hubspot.plan(rows).changes == ()


def test_a_missing_field_is_named_after_a_call_or_two_and_nothing_is_given_up(tmp_path: Path) -> None:
    for kind in ("salesforce", "hubspot"):
        with harness(kind, tmp_path / kind, count=120, fields={"score", "as_of", "unscored"}) as crm:
            rows = [crm.row(n) for n in range(120)]
            for _ in range(6):
                report = crm.sync(rows)
                assert "topic" in str(report.failure)
                assert report.run.calls <= 8
            crm.server.fields.add("topic")
            assert crm.sync(rows).failure is None
            assert crm.held(119)["topic"] == "bicycles"


def test_what_is_mapped_no_more_is_emptied_and_may_be_gone_from_the_crm(tmp_path: Path) -> None:
    for kind in KINDS:
        with harness(kind, tmp_path / kind) as crm:
            assert crm.sync([crm.row(0), crm.row(1)]).failure is None
            without = [entry for entry in FIELDS if entry["field"] != "topic"]
            crm.remap({"fields": without})
            assert crm.sync([crm.row(0, 60.0), crm.row(1)]).failure is None
            assert (crm.held(0)["topic"], crm.held(1)["topic"]) == (None, "bicycles")
            crm.server.fields.discard("topic")
            assert crm.sync([crm.row(0, 60.0), crm.row(1, None, unscored_reason="opted_out")]).failure is None
            assert crm.held(1)["score"] is None


def test_ids_that_begin_alike_are_two_records(tmp_path: Path) -> None:
    with harness("salesforce", tmp_path, mapping={"id_field": "Number__c"}) as crm:
        numbers = ["CUST00000000000001", "CUST00000000000002"]
        for place, number in enumerate(numbers):
            crm.held(place)["Number__c"] = number
        crm.server.refused = {crm.ids[0]}
        rows = [crm.row(place, 50.0 + place) | {"contact_id": one} for place, one in enumerate(numbers)]
        report = crm.sync(rows)
        assert (report.run.counts["confirmed"], report.run.counts["refused"]) == (1, 1)
        assert crm.known()[numbers[1]].confirmed["score"] == 51.0


def test_an_id_of_15_characters_and_of_18_is_one_record(salesforce: Harness) -> None:
    short = salesforce.row(0, 70.0, match_confidence=0.5) | {"contact_id": salesforce.ids[0][:15]}
    long = salesforce.row(0, 50.0, match_confidence=0.9)
    assert salesforce.sync([short]).failure is None
    report = salesforce.sync([short, long])
    assert (report.failure, report.run.counts["planned"]) == (None, 1)
    assert salesforce.held(0)["score"] == 50.0, "the surer one's"
    for rows in ([short, long], [long, short]):
        found = salesforce.plan(rows)
        assert (found.changes, found.counts.contacts, found.counts.known) == ((), 1, 1)
    assert salesforce.plan([short]).changes[0].causes == ("score",), "known by either id"
    left = short | {"score": None, "topic_1": None, "unscored_reason": "opted_out"}
    assert salesforce.sync([left, long]).run.counts["emptied"] == 1
    assert salesforce.held(0)["score"] is None, "who leaves by one id leaves by both"
    [gone] = salesforce.plan([]).changes
    assert gone.contact_id == salesforce.ids[0][:15]


def test_our_own_lost_value_is_not_taken_for_somebodys(tmp_path: Path) -> None:
    fields = [FIELDS[0], {**FIELDS[1], "ours_unless_edited": True}]
    with harness("hubspot", tmp_path, mapping={"fields": fields}, crm_patience=0) as crm:
        assert crm.sync([crm.row(0, topic_1="first")]).failure is None
        crm.server.faults.extend(["none", "lost"])  # read, then written and not told
        assert crm.sync([crm.row(0, topic_1="second")]).failure is not None
        assert crm.held(0)["topic"] == "second"
        assert crm.sync([crm.row(0, topic_1="third")]).failure is None
        assert crm.held(0)["topic"] == "third"
        crm.held(0)["topic"] = "hers"
        assert crm.sync([crm.row(0, 60.0, topic_1="fourth")]).failure is None
        assert crm.sync([crm.row(0, None, unscored_reason="opted_out")]).failure is None
        assert crm.held(0)["topic"] is None, "who leaves has nothing kept, whoever wrote it"


def test_a_page_in_place_of_an_answer_is_no_answer(crm: Harness) -> None:
    token = ["none"] if crm.crm == "salesforce" else []
    crm.server.faults.extend([*token, *["page"] * 6])
    report = crm.sync([crm.row(0)])
    assert "web page" in str(report.failure)
    assert crm.sync([crm.row(0)]).failure is None
    assert float(crm.held(0)["score"]) == 50.0


def test_an_address_that_a_crm_writes_its_own_way_is_no_reason_to_send_again(tmp_path: Path) -> None:
    with harness("hubspot", tmp_path, mapping={"id_field": "work_mail"}) as crm:
        addresses = [" Ada.Okonkwo@Bücher.Example", "bo@example.com"]
        kept = ["ada.okonkwo@xn--bcher-kva.example", "bo@example.com"]
        cast(HubSpotServer, crm.server).known_as("work_mail", dict(zip(kept, crm.ids, strict=False)))
        rows = [crm.row(place) | {"contact_id": address} for place, address in enumerate(addresses)]
        report = crm.sync(rows)
        assert (report.failure, report.run.counts["confirmed"]) == (None, 2)
        assert crm.plan(rows).changes == ()


def test_given_up_records_are_woken_by_hand(hubspot: Harness) -> None:
    hubspot.server.refused = {hubspot.ids[0]}
    rows = [hubspot.row(0), hubspot.row(1)]
    for _ in range(4):
        hubspot.sync(rows)
    assert hubspot.sync(rows).failure == "1 records given up"
    hubspot.server.refused = set()
    assert hubspot.sync(rows).run.counts["resting"] == 1
    assert hubspot.sync(rows, wake=True).run.counts["confirmed"] == 1


def test_a_record_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    for kind in ("salesforce", "hubspot"):
        with harness(kind, tmp_path / kind) as crm:
            assert crm.sync([crm.row(0), crm.row(1)]).failure is None
            del crm.server.records[crm.ids[0]]
            rows = [crm.row(0, None, unscored_reason="opted_out"), crm.row(1)]
            report = crm.sync(rows)
            assert (report.failure, report.run.counts["emptied"]) == (None, 1)
            assert crm.plan(rows).changes == ()


def test_a_score_that_stays_after_an_opt_out_is_found_among_many(tmp_path: Path) -> None:
    with harness("zendesk", tmp_path, count=60, crm_read_back=3) as crm:
        assert crm.sync([crm.row(n) for n in range(60)]).failure is None
        cast(ZendeskServer, crm.server).keeps_what_is_emptied = True
        rows = [crm.row(n, 60.0) for n in range(59)] + [crm.row(59, None, unscored_reason="opted_out")]
        report = crm.sync(rows)
        assert "score (1 of" in str(report.failure)
        assert (report.run.counts["confirmed"], report.run.counts["failed"]) == (59, 1)
        cast(ZendeskServer, crm.server).keeps_what_is_emptied = False
        assert crm.sync(rows).failure is None
        assert crm.held(59)["score"] is None


def test_fields_that_are_there_are_emptied_whatever_is_missing(tmp_path: Path) -> None:
    for kind in ("salesforce", "hubspot"):
        with harness(kind, tmp_path / kind) as crm:
            assert crm.sync([crm.row(0), crm.row(1)]).failure is None
            crm.server.fields.discard("unscored")
            report = crm.sync([crm.row(0, None, unscored_reason="opted_out"), crm.row(1)])
            assert "unscored" in str(report.failure)
            assert (crm.held(0)["score"], crm.held(0)["topic"]) == (None, None)


def test_what_a_crm_says_of_a_batch_quotes_nobody(hubspot: Harness) -> None:
    hubspot.server.faults.append("quote")
    report = hubspot.sync([hubspot.row(n) for n in range(3)])
    assert "ada@example.com" not in f"{report.failure} {report.reasons}"
    assert "not let us in" in str(report.failure)


def test_another_crm_of_the_same_name_is_noticed(tmp_path: Path) -> None:
    with harness("hubspot", tmp_path) as sandbox:
        assert sandbox.sync([sandbox.row(0)]).failure is None
    with harness("hubspot", tmp_path) as production:
        elsewhere = production.server.url.replace("127.0.0.1", "localhost")
        production.settings = production.settings.model_copy(update={"hubspot_url": elsewhere})
        with pytest.raises(SyncError, match="another address"):
            production.sync([production.row(0)])
        assert production.held(0)["score"] is None
        report = production.sync([production.row(0, 60.0)], same=True)
        assert (report.failure, production.held(0)["score"]) == (None, "60.0")
        assert production.sync([production.row(0, 60.0)]).run.counts["unchanged"] == 1


def test_repeats_of_what_was_let_pass_ask_nobody(hubspot: Harness) -> None:
    hubspot.remap({"guards": {"few": 0}})
    before = [hubspot.row(n) for n in range(5)]
    hubspot.sync(before)
    after = [hubspot.row(0, 80.0), *before[1:]]
    hubspot.server.faults.extend(["503"] * 6)
    assert hubspot.sync(after, yes=False).run.counts["failed"] == 1
    again = [after[0], hubspot.row(1, 80.0), *before[2:]]
    assert hubspot.sync(again, yes=False).failure is None, "one of five is new, the other is tried again"


def test_what_an_outage_left_unsent_goes_on_without_being_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HubSpotDestination, "at_once", 2)
    with harness("hubspot", tmp_path, count=10, crm_read_back=0, mapping={"guards": {"few": 0}}) as crm:
        left = Deliveries(crm.settings.home, "hubspot").unfinished
        crm.server.faults.extend(["none", *["page"] * 18])  # one batch arrives, then three are not answered
        assert crm.sync([crm.row(n) for n in range(10)], yes=False).run.counts["unsent"] == 2
        assert len(left.values()) == 10
        later = [crm.row(n, 80.0 if n < 2 else 50.0) for n in range(10)]
        assert crm.sync(later, yes=False).failure is None, "two of ten, not two of two"
        assert left.values() == {}
        much = [crm.row(n, 90.0) for n in range(10)]
        assert "stopped" in str(crm.sync(much, yes=False).failure)
        crm.server.faults.extend(["none", *["page"] * 18])
        assert crm.sync(much, yes=True).run.counts["unsent"] == 2
        assert crm.sync(much, yes=False).failure is None, "somebody said yes to all ten"
        assert crm.held(9)["score"] == "90.0"
        assert left.values() == {}


def test_the_second_close_of_a_job_whose_answer_was_lost_is_no_failure(salesforce: Harness) -> None:
    salesforce.server.faults.extend(["none", "none", "none", "lost"])  # token, job, data, close
    assert salesforce.sync([salesforce.row(0)]).failure is None
    assert salesforce.held(0)["score"] == 50.0
