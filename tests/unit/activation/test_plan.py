"""What a plan sends, what it leaves, and what stops it: pure rules, on rows made here."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from orchestration.activation.mapping import CrmMapping
from orchestration.activation.plan import GIVE_UP_AFTER, Change, Known, Limits, Plan, make_plan
from tests.fixtures.contact_scores import CRM, DAY, contact

MAPPING = CrmMapping.model_validate(
    {
        "kind": "file",
        "fields": [
            {"field": "score", "column": "score"},
            {"field": "topic", "column": "topic_1"},
            {"field": "as_of", "column": "day"},
            {"field": "why", "column": "sentence"},
            {"field": "unscored", "column": "unscored_reason"},
            {"field": "priority", "column": "priority"},
        ],
    }
)


def confirmed(row: Mapping[str, Any], **more: Any) -> Known:
    return Known(confirmed=MAPPING.values(row), **more)


def plan(rows: Sequence[Mapping[str, Any]], known: Mapping[str, Known] | None = None, **more: Any) -> Plan:
    given = {"as_of": DAY, "today": DAY, "limits": Limits(most_changed=1, most_emptied=1), **more}
    return make_plan(CRM, rows, MAPPING, known or {}, **given)


def only(found: Plan) -> Change:
    [change] = found.changes
    return change


def test_a_new_record_is_sent_whole() -> None:
    change = only(plan([contact("1", 57.26)]))
    assert change.values == {
        "score": 57.3,
        "topic": "bicycles",
        "as_of": "2026-02-01",
        "why": "57, as it was",
        "unscored": None,
        "priority": 0,
    }
    assert change.first_time
    assert change.action == "send"


def test_a_quiet_day_sends_nothing() -> None:
    before = [contact(str(n), 50.0) for n in range(100)]
    after = [
        contact(str(n), 50.9, day=DAY + timedelta(days=1), sentence="another sentence") for n in range(100)
    ]
    known = {row["contact_id"]: confirmed(row) for row in before}
    found = plan(after, known, as_of=DAY + timedelta(days=1))
    assert found.changes == ()
    assert found.counts.unchanged == 100


def test_a_move_takes_along_what_travels() -> None:
    row = contact("1", 52.0, day=DAY + timedelta(days=1), sentence="52, up 2")
    change = only(plan([row], {"1": confirmed(contact("1", 50.0))}))
    assert change.causes == ("score",)
    assert (change.values["as_of"], change.values["why"]) == ("2026-02-02", "52, up 2")
    assert not change.first_time


@pytest.mark.parametrize("reason", ["opted_out", "objection", "under_18", "no_legal_basis"])
def test_whoever_may_not_be_scored_is_emptied_and_served_as_before(reason: str) -> None:
    row = contact("1", None, unscored_reason=reason, priority=2)
    change = only(plan([row], {"1": confirmed(contact("1", 50.0, priority=2))}))
    assert (change.action, change.privacy) == ("empty", True)
    assert change.values == {
        "score": None,
        "topic": None,
        "as_of": None,
        "why": None,
        "unscored": reason,
        "priority": 2,
    }
    assert plan([row], {"1": Known(confirmed=change.values)}).changes == ()


def test_an_erasure_empties_all_of_it() -> None:
    row = contact("1", None, unscored_reason="erased", priority=2)
    change = only(plan([row], {"1": confirmed(contact("1", 50.0, priority=2))}))
    assert set(change.values.values()) == {None}
    assert set(change.values) == set(MAPPING.names)
    assert plan([row], {"1": Known(confirmed=change.values)}).changes == ()


def test_a_record_that_never_held_anything_is_not_written_for_a_refusal() -> None:
    found = plan([contact("1", None, unscored_reason="opted_out")])
    assert found.changes == ()
    assert found.counts.nothing == 1


def test_a_record_that_may_hold_something_is_emptied_as_well() -> None:
    row = contact("1", None, unscored_reason="opted_out")
    assert only(plan([row], {"1": Known(uncertain=True)})).privacy
    assert only(plan([row], {"1": Known(forgotten=True)})).privacy


def test_a_contact_whose_values_were_forgotten_is_emptied_even_without_a_row() -> None:
    found = plan([contact("2")], {"1": Known(forgotten=True)})
    change = next(change for change in found.changes if change.contact_id == "1")
    assert (change.action, change.privacy, set(change.values.values())) == ("empty", True, {None})


def test_fields_that_are_mapped_no_more_are_emptied_for_privacy() -> None:
    known = Known(confirmed={**MAPPING.values(contact("1")), "old_field": "x"})
    change = only(plan([contact("1", None, unscored_reason="opted_out")], {"1": known}))
    assert change.values["old_field"] is None


def test_a_contact_that_its_crm_deleted_has_no_record_to_write() -> None:
    known = {one: confirmed(contact(one, 50.0)) for one in ("1", "2", "3")}
    known["3"] = Known(known["3"].confirmed, forgotten=True)
    found = plan([contact("1", 50.0)], known, deleted={"2", "3"})
    assert found.changes == ()
    assert (found.counts.known, found.counts.unchanged) == (1, 1)


def test_a_contact_that_is_gone_is_emptied_and_not_as_privacy() -> None:
    found = plan([contact("2")], {"1": confirmed(contact("1"))})
    gone = next(change for change in found.changes if change.contact_id == "1")
    assert (gone.action, gone.privacy, gone.causes) == ("empty", False, ("no longer a contact",))


def test_an_unknown_outcome_is_sent_again_even_where_nothing_moved() -> None:
    # The CRM may hold what was sent last, and not what it confirmed last.
    row = contact("1", 50.0)
    assert only(plan([row], {"1": confirmed(row, uncertain=True)})).causes == ("outcome unknown",)


def test_what_a_lost_call_may_have_overwritten_later_is_sent_once_more() -> None:
    row, other = contact("1", 50.0), MAPPING.values(contact("1", 70.0))
    assert only(plan([row], {"1": confirmed(row, unanswered=(other,))})).causes == ("once more",)
    same = MAPPING.values(contact("1", 50.4, day=DAY - timedelta(days=1)))
    assert plan([row], {"1": confirmed(row, unanswered=(same,))}).changes == (), "it says nothing else"
    left = contact("1", None, unscored_reason="opted_out")
    emptied = Known(only(plan([left], {"1": confirmed(row)})).values, unanswered=(other,))
    again = only(plan([left], {"1": emptied}))
    assert (again.action, again.privacy, again.causes) == ("empty", True, ("once more",))


def test_what_was_refused_may_be_there_all_the_same_when_it_is_to_go() -> None:
    row, other = contact("1", 50.0), MAPPING.values(contact("1", 70.0))
    assert only(plan([row], {"1": confirmed(row, refused=other, refusals=1)})).causes == ("once more",)
    left = contact("1", None, unscored_reason="opted_out")
    assert only(plan([left], {"1": Known(refused=other, refusals=1)})).privacy
    assert (
        only(plan([contact("2")], {"1": Known(refused=other), "2": confirmed(contact("2"))})).action
        == "empty"
    )


def test_refused_data_are_tried_five_times_and_then_rest_until_they_change() -> None:
    row, values = contact("1", 60.0), MAPPING.values(contact("1", 60.0))

    def tried(times: int, score: float) -> Plan:
        known = Known(MAPPING.values(contact("1", 50.0)), False, values, times)
        return plan([contact("1", score)], {"1": known})

    again = only(tried(GIVE_UP_AFTER - 1, row["score"]))
    assert (again.refusals, "retry" in again.causes) == (GIVE_UP_AFTER - 1, True)
    rests = tried(GIVE_UP_AFTER, row["score"])
    assert (rests.changes, rests.counts.given_up) == ((), 1)
    assert tried(GIVE_UP_AFTER, 60.5).changes == (), "within the tolerance it is the same data"
    awake = only(tried(GIVE_UP_AFTER, 62.0))
    assert (awake.refusals, awake.causes) == (0, ("score",))


def test_an_emptying_for_privacy_is_never_given_up() -> None:
    row = contact("1", None, unscored_reason="opted_out")
    emptied = only(plan([row], {"1": confirmed(contact("1"))})).values
    known = Known(MAPPING.values(contact("1")), False, emptied, GIVE_UP_AFTER)
    assert only(plan([row], {"1": known})).refusals == GIVE_UP_AFTER


def test_privacy_goes_first_and_emptying_before_sending() -> None:
    rows = [
        contact("1"),
        contact("2", None),
        contact("3", None, unscored_reason="opted_out"),
        contact("4", 80.0),
    ]
    known = {n: confirmed(contact(n)) for n in ("2", "3", "4")}
    assert [change.contact_id for change in plan(rows, known).changes] == ["3", "2", "1", "4"]


# --- guards ---------------------------------------------------------------------------------------


def known_records(count: int) -> dict[str, Known]:
    return {str(n): confirmed(contact(str(n))) for n in range(count)}


def test_more_than_thirty_percent_changed_asks() -> None:
    def with_changed(count: int) -> Plan:
        rows = [contact(str(n), 70.0 if n < count else 50.0) for n in range(100)]
        new = [contact(f"new{n}") for n in range(500)]
        return plan([*rows, *new], known_records(100), limits=Limits())

    assert with_changed(30).guards == ()
    stopped = with_changed(31)
    [guard] = stopped.guards
    assert (guard.name, guard.asks) == ("changed", True)
    assert "31 of the 100 records" in guard.message
    assert stopped.allowed(yes=False) == ()
    assert len(stopped.allowed(yes=True)) == 531


def test_more_than_five_percent_emptied_asks_and_privacy_does_not_count() -> None:
    def with_emptied(count: int, reason: str) -> Plan:
        rows = [
            contact(str(n), None if n < count else 50.0, unscored_reason=reason if n < count else None)
            for n in range(100)
        ]
        return plan(rows, known_records(100), limits=Limits())

    assert with_emptied(5, "not_scored").guards == ()
    assert [guard.name for guard in with_emptied(6, "not_scored").guards] == ["emptied"]
    every = with_emptied(100, "opted_out")
    assert every.guards == ()
    assert len(every.allowed(yes=False)) == 100


def test_a_few_records_of_a_small_crm_are_no_alarm() -> None:
    def guards(changed: int, score: float | None, **more: Any) -> list[str]:
        rows = [contact(str(n), score if n < changed else 50.0) for n in range(12)]
        return [guard.name for guard in plan(rows, known_records(12), limits=Limits(**more)).guards]

    assert guards(5, 70.0) == guards(5, None) == []
    assert guards(6, 70.0) == ["changed"]
    assert guards(6, None) == ["changed", "emptied"]
    assert guards(1, None, few=0) == ["emptied"]


def test_what_an_interrupted_run_left_asks_nobody_and_counts_as_known() -> None:
    def guards(known: int, scores: Mapping[int, float], left: Mapping[int, float]) -> list[str]:
        rows = [contact(str(n), scores.get(n, 50.0)) for n in range(100)]
        unfinished = {str(n): MAPPING.values(contact(str(n), score)) for n, score in left.items()}
        found = plan(rows, known_records(known), limits=Limits(), unfinished=unfinished)
        return [guard.message for guard in found.guards]

    moved = dict.fromkeys(range(40), 70.0)
    [asked] = guards(100, moved, {})
    assert "40 of the 100 records that the CRM knows (40%" in asked
    assert guards(100, moved, dict.fromkeys(range(15), 70.4)) == []
    assert "40 of the 100" in guards(100, moved, dict.fromkeys(range(15), 60.0))[0], "they are other data"
    # A first load that came to forty: thirty of a hundred changed since, and not thirty of forty.
    since = dict.fromkeys(range(30), 70.0)
    assert "30 of the 40" in guards(40, since, {})[0]
    assert guards(40, since, dict.fromkeys(range(100), 50.0)) == []
    [asked] = guards(40, dict.fromkeys(range(36), 70.0), dict.fromkeys(range(100), 50.0))
    assert "36 of the 100 records that the CRM knows or was being sent" in asked


def test_a_stopped_plan_still_empties_for_privacy() -> None:
    rows = [contact(str(n), 70.0) for n in range(1, 100)]
    rows.append(contact("0", None, unscored_reason="opted_out"))
    found = plan(rows, known_records(100), limits=Limits())
    assert [change.contact_id for change in found.allowed(yes=False)] == ["0"]


@pytest.mark.parametrize(
    ("rows", "more", "name"),
    [
        ([], {}, "empty"),
        ([contact("1")], {"as_of": None}, "empty"),
        ([contact("1")], {"today": DAY + timedelta(days=4)}, "stale"),
        ([contact("1")], {"delivered": DAY + timedelta(days=1)}, "older"),
    ],
)
def test_an_empty_a_stale_and_an_older_mart_send_nothing_whatever_anybody_says(
    rows: list[dict[str, Any]], more: dict[str, Any], name: str
) -> None:
    known = {"9": Known(forgotten=True)}
    found = plan(rows, known, **{"limits": Limits(1, 1, 3), **more})
    assert name in [guard.name for guard in found.guards]
    assert [change.contact_id for change in found.allowed(yes=True)] == ["9"], "privacy waits for nothing"


def test_three_days_old_is_not_stale() -> None:
    assert plan([contact("1")], today=DAY + timedelta(days=3), limits=Limits()).guards == ()


def test_the_digest_is_the_plans() -> None:
    same = [plan([contact("1", 50.0), contact("2", 60.0)]) for _ in range(2)]
    assert same[0].digest == same[1].digest
    assert plan([contact("1", 50.1), contact("2", 60.0)]).digest != same[0].digest
    assert plan([contact("1", 50.0)], as_of=date(2026, 1, 31)).digest != plan([contact("1", 50.0)]).digest
