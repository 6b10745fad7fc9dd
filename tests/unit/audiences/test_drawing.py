"""Draws: who may be in one, chance by the seed alone, and two groups that differ by nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.audiences.campaign import Campaign, CampaignError
from orchestration.audiences.drawing import CONTROL, INVITED, Candidate, Earlier, draw

DAY = date(2026, 2, 1)


def campaign(**changes: Any) -> Campaign:
    given: Mapping[str, Any] = {
        "campaign": "spring",
        "size": 1000,
        "seed": 7,
        "evidence": 5,
        "consent": ["consent"],
        "score": {"at_least": 20, "at_most": 60},
        "topics": ["Bicycles"],
        "networks": ["forum"],
        "regions": ["de"],
    }
    return Campaign.model_validate({**given, **changes})


def candidate(number: int, **changes: Any) -> Candidate:
    fitting: dict[str, Any] = {
        "crm": "crm",
        "contact_id": f"c{number}",
        "person_id": f"p{number}",
        "score": 40.0,
        "evidence": 8.0,
        "match_confidence": 0.95,
        "topics": ("bicycles", "birds"),
        "networks": ("blog", "forum"),
        "region": "DE",
        "legal_basis": "Consent",
    }
    return Candidate(**(fitting | changes))


FITTING = [candidate(n) for n in range(100)]


def asked(number: int, name: str = "winter", days_ago: int = 10, group: str = INVITED) -> Earlier:
    return Earlier(name, "crm", f"c{number}", f"p{number}", group, DAY - timedelta(days=days_ago))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"score": None}, "no score"),
        ({"person_id": None, "score": None}, "no score"),
        ({"legal_basis": None}, "no consent"),
        ({"legal_basis": "contract"}, "no consent"),
        ({"evidence": 4.9}, "too little evidence"),
        ({"evidence": None}, "too little evidence"),
        ({"evidence": float("nan")}, "too little evidence"),
        ({"score": 19.9}, "outside the score band"),
        ({"score": 60.1}, "outside the score band"),
        ({"topics": ("birds",)}, "another topic"),
        ({"networks": ("blog",)}, "another network"),
        ({"region": None}, "another region"),
        ({"open_cases": 1}, "an open case"),
        ({"double_failure": True}, "failed twice in a row"),
    ],
)
def test_who_does_not_fit_is_left_out_for_a_reason(change: dict[str, Any], reason: str) -> None:
    made = draw(campaign(), [*FITTING, candidate(500, **change)], [], DAY)
    assert made.left_out == {reason: 1}
    assert {one.contact_id for one in made.people} == {one.contact_id for one in FITTING}


def test_exclusions_can_be_lifted_and_named() -> None:
    excluded = {"open_cases": False, "double_failure": False, "contacts": ["crm:c3"], "campaigns": ["winter"]}
    crowd = [candidate(1, open_cases=1), candidate(2, double_failure=True), candidate(3), candidate(4)]
    made = draw(campaign(exclude=excluded), crowd, [asked(4, group=CONTROL)], DAY)
    assert {one.contact_id for one in made.people} == {"c1", "c2"}
    assert made.left_out == {"excluded by name": 1, "drawn for an excluded campaign": 1}


@pytest.mark.parametrize(
    ("other", "changes", "reason"),
    [
        ({"open_cases": 1}, {}, "an open case"),
        ({"double_failure": True}, {}, "failed twice in a row"),
        ({}, {"exclude": {"contacts": ["crm:c900"]}}, "excluded by name"),
    ],
)
def test_what_one_contact_is_excluded_for_holds_for_the_person(
    other: dict[str, Any], changes: dict[str, Any], reason: str
) -> None:
    double = candidate(900, person_id="p1", match_confidence=0.5, legal_basis=None, **other)
    made = draw(campaign(**changes), [*FITTING[:4], double], [], DAY)
    assert {one.contact_id for one in made.people} == {"c0", "c2", "c3"}
    assert made.left_out == {reason: 1, "no consent": 1}


def test_a_misspelt_campaign_excludes_nobody_in_silence() -> None:
    with pytest.raises(CampaignError, match=r"wintre was never drawn \(drawn were: winter\)"):
        draw(campaign(exclude={"campaigns": ["wintre"]}), FITTING, [asked(4)], DAY)


def test_nobody_is_asked_more_often_than_the_cap() -> None:
    before = [
        asked(1, days_ago=89),
        asked(2, days_ago=90),
        asked(3, group=CONTROL),
        # The contact is another one now, and the person the same.
        Earlier("winter", "crm", "old", "p4", INVITED, DAY - timedelta(days=1)),
    ]
    made = draw(campaign(), FITTING[:5], before, DAY)
    assert {one.contact_id for one in made.people} == {"c0", "c2", "c3"}
    twice = campaign(frequency={"at_most": 2, "days": 90})
    assert len(draw(twice, FITTING[:5], before, DAY).people) == 5
    before.append(asked(1, name="autumn", days_ago=80))
    assert len(draw(twice, FITTING[:5], before, DAY).people) == 4


def test_a_campaign_is_drawn_once() -> None:
    with pytest.raises(CampaignError, match="spring was drawn already"):
        draw(campaign(), FITTING, [asked(1, name="spring")], DAY)


@pytest.mark.parametrize("crowd", [[], FITTING[:1]])
def test_nobody_to_compare_with_is_no_draw(crowd: list[Candidate]) -> None:
    with pytest.raises(CampaignError, match=r"people fit, and a draw needs 2"):
        draw(campaign(), crowd, [], DAY)


def test_a_person_with_several_contacts_is_drawn_once_by_the_surest() -> None:
    double = candidate(900, person_id="p1", match_confidence=0.99)
    made = draw(campaign(), [*FITTING[:3], double], [], DAY)
    assert {one.contact_id for one in made.people} == {"c0", "c2", "c900"}
    assert made.left_out == {"another contact of the same person": 1}


def test_size_and_control_share() -> None:
    made = draw(campaign(size=40, control=0.25), FITTING, [], DAY)
    assert (made.counted(INVITED), made.counted(CONTROL), made.eligible) == (30, 10, 100)
    smallest = draw(campaign(size=2, control=0.1), FITTING, [], DAY)
    assert (smallest.counted(INVITED), smallest.counted(CONTROL)) == (1, 1)


def test_the_seed_fixes_the_draw_and_another_seed_makes_another() -> None:
    mixed = [*FITTING[1::2], *reversed(FITTING[::2])]
    first = draw(campaign(size=40), FITTING, [], DAY)
    assert draw(campaign(size=40), mixed, [], DAY) == first
    assert draw(campaign(size=40, seed=8), FITTING, [], DAY).people != first.people
    assert draw(campaign(size=40, campaign="summer"), FITTING, [], DAY).people != first.people


def test_one_contact_more_moves_at_most_one_place() -> None:
    before = {one.contact_id for one in draw(campaign(size=40), FITTING, [], DAY).people}
    after = {one.contact_id for one in draw(campaign(size=40), [*FITTING, candidate(500)], [], DAY).people}
    assert len(before - after) <= 1


def test_everybody_who_fits_has_the_same_chance_whatever_the_score() -> None:
    crowd = [candidate(n, score=20 + 0.4 * n) for n in range(100)]
    drawn, controls = 0.0, 0.0
    for seed in range(60):
        made = draw(campaign(size=50, control=0.5, seed=seed), crowd, [], DAY)
        scores = {one.contact_id: one.score or 0 for one in crowd}
        drawn += sum(scores[one.contact_id] for one in made.people) / 50
        controls += sum(scores[one.contact_id] for one in made.people if one.group_name == CONTROL) / 25
    # The mean score of all is 39.8; 60 draws of 50 or 25 differ from it by less than a point.
    assert drawn / 60 == pytest.approx(39.8, abs=1)
    assert controls / 60 == pytest.approx(39.8, abs=1.5)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 20)), min_size=2, max_size=60),
    st.integers(2, 40),
    st.floats(0.01, 0.5),
    st.integers(0, 1000),
)
def test_groups_are_disjoint_and_of_their_sizes(
    crowd: list[tuple[int, int]], size: int, control: float, seed: int
) -> None:
    contacts = {n: candidate(n, person_id=f"p{person}") for n, person in crowd}
    people = {one.person_id for one in contacts.values()}
    wanted = campaign(size=size, control=control, seed=seed)
    if len(people) < 2:
        with pytest.raises(CampaignError):
            draw(wanted, contacts.values(), [], DAY)
        return
    made = draw(wanted, contacts.values(), [], DAY)
    assert len({one.person_id for one in made.people}) == len(made.people) == min(size, len(people))
    assert made.counted(CONTROL) == max(1, round(len(made.people) * control))
    assert made.counted(INVITED) >= 1
