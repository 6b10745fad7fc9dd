"""How far a day may stray before it is held back, and why the line is there.

A failed check stops the publishing of its day and of all later ones, so a false alarm costs more than a late
one. The bounds are wide, and none that compares with the past can fail before there is enough of a past.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """Every bound that is not in a contract. Shares are 0 to 1, changes are points of the score."""

    # The past that a day is compared with: four whole weeks, so that weekends weigh the same in each.
    history_days: int = 28
    # A week has a weekend in it; fewer days say nothing about what is usual.
    history_min_days: int = 7

    # Rows of a network against the mean of the days before. Half a delivery is news, for what is missing
    # cannot be scored; much more than usual mostly is true (a campaign, a flood of fakes, which the model
    # is made to withstand), and a delivery sent twice is found by its duplicates.
    volume_low: float = 0.3
    volume_high: float = 10.0
    # … unless the past has seen the like: networks at work are empty at weekends, and new ones grow fast.
    volume_low_of_least: float = 0.5
    volume_high_of_most: float = 1.5
    # A community of some hundred rows a day has holidays: a real log fell from 621 to 8 in two days, when
    # the term ended.
    volume_min_mean: float = 1000

    # An optional column that was mostly filled must not lose half of it: so renamed fields and broken
    # parsers look.
    filled_usual: float = 0.8
    filled_kept: float = 0.5
    filled_min_rows: int = 100

    # A third of a source's rows refused means that its form changed; a few bad files in a small day do not.
    quarantined_share: float = 0.3
    quarantined_min_rows: int = 1000

    # Scores grow quickly while a history is short, and a few people are much of a small community.
    scored_min_days: int = 14
    scored_min_people: int = 100
    # People leave by erasure or by being linked to another account, which at worst halves a pair.
    people_kept: float = 0.7
    # Who was scored yesterday and is there today is scored today, but for those who opted out.
    scored_kept: float = 0.9
    # A PSI of a quarter is the usual line for another population; from one day to the next it stays
    # far below 0.01.
    psi: float = 0.25
    # Over a month, the same line, and a warning before it. It holds for settled people alone: trust takes
    # 52 days to reach its full height and the slow mean 25 to halve, so of the rise from nothing little is
    # left after ninety. A real log that falls from 22,000 to 3,000 reactions a month goes up to 0.16.
    psi_30d: float = 0.25
    psi_30d_warning: float = 0.1
    settled_days: int = 90
    settled_min_people: int = 200
    # On steady input half of the people move less than 0.2 points a day and 99 of 100 less than 1.5.
    change_p50: float = 2.0
    change_p99: float = 10.0

    # Parts add up to the score: what rounding leaves. A change lies between two rounded scores.
    parts_tolerance: float = 0.01
    changes_tolerance: float = 0.02


BOUNDS = Bounds()
