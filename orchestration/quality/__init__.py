"""Checks between the stages, judged by Great Expectations day by day.

`check_conform` and `check_scores` look at all pending days at once and write a verdict for each day;
`first_failed_day` says where publishing has to stop.
"""

from orchestration.quality.bounds import BOUNDS, Bounds
from orchestration.quality.check import check_conform, check_scores
from orchestration.quality.results import CheckResult, first_failed_day

__all__ = ["BOUNDS", "Bounds", "CheckResult", "check_conform", "check_scores", "first_failed_day"]
