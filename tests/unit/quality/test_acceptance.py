"""Accepting a day: what may be accepted passes with its reason, what may not never does."""

from __future__ import annotations

from datetime import date

import pytest

from orchestration.commands.accept import accept
from orchestration.commands.warehouse import CommandError
from orchestration.quality.acceptance import accept_day, accepted_days, is_against_the_past, with_acceptances
from orchestration.quality.results import CheckResult, record
from orchestration.settings import Settings
from spark_jobs.lake import Lake

DAY, OTHER = date(2026, 1, 5), date(2026, 1, 6)


def failed(name: str, day: date = DAY) -> CheckResult:
    return CheckResult("conform", day, "activities", name, False, 9.0, "less", None)


@pytest.fixture
def settings(tmp_path):
    return Settings(home=str(tmp_path / "home"), _env_file=None)


def test_what_is_unlike_the_past_passes_with_the_reason_beside_it():
    (result,) = with_acceptances([failed("volume.sample")], {DAY: "a campaign"})
    assert result.passed
    assert result.detail == "accepted: a campaign"
    assert result.observed == 9.0


@pytest.mark.parametrize(
    "name", ["unique", "balanced", "parts_add_up", "columns", "volumes", "not_null.kind"]
)
def test_what_is_wrong_in_itself_never_passes(name):
    (result,) = with_acceptances([failed(name)], {DAY: "it is fine"})
    assert not result.passed


def test_other_days_stay_as_they_are():
    (result,) = with_acceptances([failed("psi", OTHER)], {DAY: "a campaign"})
    assert not result.passed


def test_the_command_notes_the_day_once_and_for_all(settings):
    lake = Lake(settings.home)
    record(lake, "conform", [DAY], [failed("volume.sample")], "run")
    assert len(accept(settings, DAY, " a campaign ")) == 1
    accept_day(lake, OTHER, "another")
    assert accepted_days(lake) == {DAY: "a campaign", OTHER: "another"}


def test_the_command_refuses_what_no_reason_makes_right(settings):
    record(Lake(settings.home), "conform", [DAY], [failed("volume.sample"), failed("unique")], "run")
    with pytest.raises(CommandError, match="cannot be accepted as it is"):
        accept(settings, DAY, "a campaign")
    assert accepted_days(Lake(settings.home)) == {}


def test_the_command_refuses_days_that_nothing_holds_back(settings):
    with pytest.raises(CommandError, match="nothing to accept"):
        accept(settings, DAY, "a campaign")


def test_the_names_are_those_of_checks_that_look_back():
    assert is_against_the_past("people")
    assert not is_against_the_past("peoples")
