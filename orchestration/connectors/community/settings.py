"""How large the simulated community is, when it begins and how it grows."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from orchestration.connectors.community.randomness import Ints


@dataclass(frozen=True)
class CommunitySettings:
    """One simulated community; equal settings give equal tables, on any machine and in any order of days.

    people: people on the first day, >= 1. seed: 0 .. 2**63 - 1. first_day: the first day with data (UTC).
    newcomers_per_year: newcomers a year as a share of `people`. late_share: share of activities delivered one
    or two days after they occurred. duplicate_share: share of a day's activities delivered twice.
    crm_share: share of people the sample CRM knows. Shares are 0-1. Raises ValueError outside these bounds.
    """

    people: int = 2000
    seed: int = 7
    first_day: date = date(2026, 1, 1)
    newcomers_per_year: float = 0.18
    late_share: float = 0.02
    duplicate_share: float = 0.002
    crm_share: float = 0.05

    def __post_init__(self) -> None:
        if self.people < 1:
            raise ValueError(f"people must be 1 or more, got {self.people}")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be between 0 and 2**63 - 1, got {self.seed}")
        if self.newcomers_per_year < 0:
            raise ValueError(f"newcomers_per_year must not be negative, got {self.newcomers_per_year}")
        for name in ("late_share", "duplicate_share", "crm_share"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"{name} must be between 0 and 1, got {value}")

    def day_number(self, day: date) -> int:
        """Days since the first day: 0 on it, negative before it."""
        return (day - self.first_day).days

    def newcomers(self, last: int) -> Ints:
        """People who joined after the first day, by the end of each of the day numbers 0 .. last."""
        a_day = self.people * self.newcomers_per_year / 365
        joined: Ints = np.floor(a_day * np.arange(last + 1)).astype(np.int64)
        return joined

    def population(self, day_number: int) -> int:
        """People who have joined by the end of a day."""
        return self.people + int(self.newcomers(max(day_number, 0))[-1])

    def acting(self, day_number: int) -> int:
        """People who act on a day: a newcomer looks around for the rest of the day of joining."""
        return self.population(day_number - 1)
