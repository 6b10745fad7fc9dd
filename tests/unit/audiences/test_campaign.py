"""Campaign files: what is taken, and what is refused in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.audiences.campaign import CampaignError, find_campaign, read_campaign

WHOLE = """
campaign: spring-bikes
title: A ride on the new bikes
size: 200
control: 0.25
seed: 7
evidence: 5
consent: [consent]
score: {at_least: 20, at_most: 60}
topics: [Bicycles]
networks: [mastodon, bluesky]
regions: [DE, "NO"]
exclude: {contacts: ["salesforce:0031"], campaigns: [winter], open_cases: false, double_failure: true}
frequency: {at_most: 1, days: 60}
judged_by: {outcomes: [order, trial], days: 21}
"""
BARE = "campaign: spring\nsize: 10\nseed: 1\nevidence: 3\nconsent: [consent]\n"


def refused(tmp_path: Path, text: str) -> str:
    file = tmp_path / "spring.yaml"
    file.write_text(text)
    with pytest.raises(CampaignError) as error:
        read_campaign(file)
    return str(error.value)


def test_a_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "spring.yaml"
    file.write_text(WHOLE)
    found = read_campaign(file)
    assert (found.campaign, found.size, found.control, found.seed) == ("spring-bikes", 200, 0.25, 7)
    assert (found.evidence, found.consent) == (5, ("consent",))
    assert (found.score.at_least, found.score.at_most) == (20, 60)
    assert (found.topics, found.regions) == (("Bicycles",), ("DE", "NO"))
    assert found.exclude.contacts == ("salesforce:0031",)
    assert (found.exclude.open_cases, found.frequency.days) == (False, 60)
    assert (found.judged_by.outcomes, found.judged_by.days) == (("order", "trial"), 21)


def test_what_a_bare_file_means(tmp_path: Path) -> None:
    file = tmp_path / "spring.yaml"
    file.write_text(BARE)
    found = read_campaign(file)
    assert (found.control, found.frequency.at_most, found.frequency.days) == (0.2, 1, 90)
    assert found.exclude.open_cases
    assert found.exclude.double_failure
    assert found.judged_by.outcomes == ("order", "referral")


@pytest.mark.parametrize("left_out", ["evidence", "consent"])
def test_nobody_is_drawn_on_a_score_alone(tmp_path: Path, left_out: str) -> None:
    lines = [line for line in BARE.splitlines() if not line.startswith(left_out)]
    told = refused(tmp_path, "\n".join(lines))
    assert f"{left_out} is missing" in told
    assert "Nobody is drawn on a score alone." in told


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("consent: []", "consent is missing"),
        ('consent: [" "]', "consent.0: String should have at least 1 character"),
        ("evidence: 0", "evidence: Input should be greater than 0"),
        ("evidence: .nan", "evidence: "),
        ("size: 1", "size: Input should be greater than or equal to 2"),
        ("size: '10'", "size: Input should be a valid integer"),
        ("control: 0", "control: Input should be greater than 0"),
        ("control: 0.6", "control: Input should be less than or equal to 0.5"),
        ("campaign: Spring 2026", "campaign: String should match pattern"),
        ("regions: [NO]", "regions.0: Input should be a valid string: put it in quotes"),
        ("score: {at_least: 60, at_most: 20}", "at_least 60 is above at_most 20"),
        ("scores: {at_least: 60}", "scores: Extra inputs are not permitted"),
        ("judged_by: {outcomes: [sale]}", "judged_by.outcomes.0: Input should be"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, change: str, told: str) -> None:
    key = change.partition(":")[0]
    lines = [line for line in BARE.splitlines() if not line.startswith(f"{key}:")]
    assert told in refused(tmp_path, "\n".join([*lines, change]))


@pytest.mark.parametrize("text", ["", "- a", "a: [", "\x00", "campaign: !!python/object/apply:os.getcwd []"])
def test_what_is_no_campaign_is_refused(tmp_path: Path, text: str) -> None:
    assert "spring.yaml" in refused(tmp_path, text)


def test_a_campaign_is_found_by_path_or_name(tmp_path: Path) -> None:
    file = tmp_path / "spring.yaml"
    file.write_text(BARE)
    for name in (str(file), "spring", "spring.yaml"):
        assert find_campaign(name, str(tmp_path)) == file
    with pytest.raises(CampaignError, match="no campaign file autumn"):
        find_campaign("autumn", str(tmp_path))
    with pytest.raises(CampaignError, match="STATURE_CAMPAIGNS is not set"):
        find_campaign("spring", None)
