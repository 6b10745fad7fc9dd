"""Drawing an audience: a pure function of the campaign, the contacts and what was drawn before.

Chance comes from the campaign's seed alone: everybody's place in the draw is a hash of seed, campaign and
person. So the same contacts give the same draw in any order, and one contact more or less moves nobody
else's place. Time is the day of the scores: when somebody happens to draw decides nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from orchestration.audiences.campaign import Campaign, CampaignError

INVITED, CONTROL = "invited", "control"
LEAST_DRAWN = 2


@dataclass(frozen=True)
class Candidate:
    """A contact as the published warehouse shows it. `score` is null where nobody may be scored."""

    crm: str
    contact_id: str
    person_id: str | None
    score: float | None
    evidence: float | None
    match_confidence: float | None = None
    topics: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    region: str | None = None
    legal_basis: str | None = None
    open_cases: int = 0
    double_failure: bool = False


@dataclass(frozen=True)
class Earlier:
    """Somebody drawn before, for any campaign, from the scores of a day."""

    campaign_id: str
    crm: str
    contact_id: str
    person_id: str
    group_name: str
    day: date


@dataclass(frozen=True)
class Drawn:
    """Somebody drawn now."""

    crm: str
    contact_id: str
    person_id: str
    group_name: str


@dataclass(frozen=True)
class Drawing:
    """A draw: its people in order of crm and contact, how many might have been, and why others might not."""

    people: tuple[Drawn, ...]
    eligible: int
    left_out: dict[str, int]

    def counted(self, group: str) -> int:
        return sum(drawn.group_name == group for drawn in self.people)


def draw(
    campaign: Campaign, candidates: Iterable[Candidate], earlier: Sequence[Earlier], day: date
) -> Drawing:
    """Draw the campaign's audience from the scores of `day`.

    Everybody who fits has the same chance; of those drawn, a share becomes the control. CampaignError where
    the campaign was drawn before, where it leaves out one that never was, or where fewer than two people fit.
    """
    known = {before.campaign_id for before in earlier}
    if campaign.campaign in known:
        raise CampaignError(
            f"{campaign.campaign} was drawn already, from other scores or another file, and a draw stands. "
            "Give a new campaign a new name."
        )
    if unknown := sorted(set(campaign.exclude.campaigns) - known):
        drawn = ", ".join(sorted(known)) or "none"
        raise CampaignError(f"exclude.campaigns: {', '.join(unknown)} was never drawn (drawn were: {drawn}).")
    judge = _Judge(campaign, earlier, day)
    left_out: Counter[str] = Counter()
    fitting: dict[str, Candidate] = {}
    known_contacts = sorted(candidates, key=_surest_first)
    excluded = judge.excluded_people(known_contacts)
    for candidate in known_contacts:
        reason = judge.objection(candidate) or excluded.get(candidate.person_id or "")
        if reason is None and candidate.person_id in fitting:
            # Two contacts of one person would put the person into both groups.
            reason = "another contact of the same person"
        if reason is None and candidate.person_id is not None:
            fitting[candidate.person_id] = candidate
        else:
            left_out[reason or "no score"] += 1
    if len(fitting) < LEAST_DRAWN:
        raise CampaignError(
            f"{campaign.campaign}: {len(fitting)} people fit, and a draw needs {LEAST_DRAWN}: "
            f"one to invite and one to compare with. {_counted(left_out)}"
        )
    chosen = sorted(fitting, key=lambda person: _lot(campaign, "draw", person))[: campaign.size]
    share = max(1, round(len(chosen) * campaign.control))
    control = set(sorted(chosen, key=lambda person: _lot(campaign, "control", person))[:share])
    people = (
        Drawn(c.crm, c.contact_id, person, CONTROL if person in control else INVITED)
        for person, c in ((person, fitting[person]) for person in chosen)
    )
    in_order = tuple(sorted(people, key=lambda one: (one.crm, one.contact_id)))
    return Drawing(in_order, len(fitting), dict(left_out))


class _Judge:
    """Whether somebody may be drawn, and if not, for which reason first."""

    def __init__(self, campaign: Campaign, earlier: Sequence[Earlier], day: date) -> None:
        self.campaign = campaign
        self.consent = {basis.casefold() for basis in campaign.consent}
        self.topics = {topic.casefold() for topic in campaign.topics}
        self.networks = {network.casefold() for network in campaign.networks}
        self.regions = {region.casefold() for region in campaign.regions}
        self.excluded = set(campaign.exclude.contacts)
        others = [before for before in earlier if before.campaign_id in campaign.exclude.campaigns]
        self.others = _names(others)
        since = day - timedelta(days=campaign.frequency.days)
        asked = Counter(
            name
            for before in earlier
            if before.group_name == INVITED and before.day > since
            for name in _names([before])
        )
        self.asked = {name for name, times in asked.items() if times >= campaign.frequency.at_most}

    def objection(self, one: Candidate) -> str | None:
        campaign = self.campaign
        if one.score is None or one.person_id is None:
            return "no score"
        checks = (
            ((one.legal_basis or "").strip().casefold() not in self.consent, "no consent"),
            (not (one.evidence or 0) >= campaign.evidence, "too little evidence"),  # NaN is too little
            (not campaign.score.at_least <= one.score <= campaign.score.at_most, "outside the score band"),
            (self.topics and self.topics.isdisjoint(t.casefold() for t in one.topics), "another topic"),
            (
                self.networks and self.networks.isdisjoint(n.casefold() for n in one.networks),
                "another network",
            ),
            (self.regions and (one.region or "").strip().casefold() not in self.regions, "another region"),
        )
        return next((reason for applies, reason in checks if applies), None)

    def excluded_people(self, contacts: Iterable[Candidate]) -> dict[str, str]:
        """Who is excluded, and why: what one contact of a person is excluded for holds for all of them."""
        found: dict[str, str] = {}
        for one in contacts:
            if one.person_id is not None and (reason := self._exclusion(one)):
                found.setdefault(one.person_id, reason)
        return found

    def _exclusion(self, one: Candidate) -> str | None:
        exclude, names = self.campaign.exclude, {one.person_id or "", f"{one.crm}:{one.contact_id}"}
        checks = (
            (exclude.open_cases and one.open_cases > 0, "an open case"),
            (exclude.double_failure and one.double_failure, "failed twice in a row"),
            (f"{one.crm}:{one.contact_id}" in self.excluded, "excluded by name"),
            (not self.others.isdisjoint(names), "drawn for an excluded campaign"),
            (not self.asked.isdisjoint(names), "asked too often lately"),
        )
        return next((reason for applies, reason in checks if applies), None)


def _names(drawn: Iterable[Earlier]) -> set[str]:
    # The person behind a contact can change between two draws; either is enough to know somebody again.
    return {name for one in drawn for name in (one.person_id, f"{one.crm}:{one.contact_id}")}


def _surest_first(one: Candidate) -> tuple[float, str, str]:
    return -(one.match_confidence or 0), one.crm, one.contact_id


def _lot(campaign: Campaign, purpose: str, person: str) -> bytes:
    return hashlib.sha256(f"{campaign.seed}\0{campaign.campaign}\0{purpose}\0{person}".encode()).digest()


def _counted(left_out: Counter[str]) -> str:
    told = ", ".join(f"{reason} {count:,}" for reason, count in left_out.most_common())
    return f"Left out: {told}." if told else "There are no contacts."
