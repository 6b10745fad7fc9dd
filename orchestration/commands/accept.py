"""`stature accept`: a day that its checks hold back, and that somebody has looked at."""

from __future__ import annotations

from datetime import date

from orchestration.commands.warehouse import CommandError
from orchestration.home import home_lock
from orchestration.quality.acceptance import accept_day, is_against_the_past
from orchestration.quality.results import read
from orchestration.settings import Settings
from spark_jobs.lake import Lake


def accept(settings: Settings, day: date, reason: str) -> list[str]:
    """Accept the day; the checks that will now pass, in words.

    Raises CommandError where the day has nothing to accept, or where something fails that no reason
    makes right.
    """
    if not reason.strip():
        raise CommandError("Accepting a day needs a reason: it stays beside the checks' results.")
    lake = Lake(settings.home)
    failed = [result for result in read(lake, day) if not result.passed]
    if not failed:
        raise CommandError(f"No check of {day} has failed; there is nothing to accept.")
    wrong = [str(result) for result in failed if not is_against_the_past(result.check_name)]
    if wrong:
        raise CommandError(
            f"{day} cannot be accepted as it is: {wrong[0]}. Only checks against the days before can be."
        )
    with home_lock(settings, "stature accept"):
        accept_day(lake, day, reason.strip())
    return [str(result) for result in failed]
