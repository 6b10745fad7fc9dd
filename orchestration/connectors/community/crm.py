"""A small CRM that knows one person in twenty: contacts, their handles, service events and outcomes."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.connectors.community.content import midnight
from orchestration.connectors.community.names import WELL_KNOWN_PERSON, emails, full_names
from orchestration.connectors.community.networks import Network
from orchestration.connectors.community.people import FORUM, REGIONS, SAMPLE, People
from orchestration.connectors.community.randomness import (
    DAY_US,
    HOUR_US,
    Floats,
    Ints,
    Stream,
    generator,
    uniform,
)
from orchestration.connectors.community.settings import CommunitySettings
from orchestration.connectors.community.tables import (
    account_handles,
    chosen,
    constant,
    scattered_ids,
    table,
    where,
)

CRM = "samplecrm"
KNOWN_LATER, KNOWN_WITHIN = 0.20, 200  # contacts that enter the CRM after the first day, and within how many
UPDATED_EVERY = 45  # days
HANDLE_KNOWN, BOTH_KNOWN = 0.7, 0.5
SERVICE_A_DAY, OUTCOMES_A_DAY = 0.02, 0.04
_SERVICE = ("call", "case", "complaint", "refund")
_OUTCOMES = ("click", "referral", "order", "trial", "churn")
_BASES = ("consent", "contract", "legitimate_interest", None)
_CAMPAIGNS = ("newsletter", "spring", "referral-programme", None)


@dataclass(frozen=True)
class Contacts:
    """People the CRM knows by the end of a day: ascending person indices, and the days they entered."""

    index: Ints
    known_on: Ints

    @staticmethod
    def ids(index: Ints, seed: int) -> pa.Array:
        """The contact ids that people (have or would) have (string)."""
        return scattered_ids(index, seed, "C", salt=8)


def contacts(settings: CommunitySettings, crowd: People, day_number: int) -> Contacts:
    """Everybody the CRM knows by the end of a day."""
    index = crowd.index
    inside = ~crowd.is_bot & (uniform(settings.seed, Stream.CRM, index) < settings.crm_share)
    inside |= (index == WELL_KNOWN_PERSON) & (settings.crm_share > 0)
    index = index[inside]
    wait = 1 + (uniform(settings.seed, Stream.CRM, index, salt=1) * KNOWN_WITHIN).astype(np.int64)
    later = (uniform(settings.seed, Stream.CRM, index, salt=2) < KNOWN_LATER) & (index != WELL_KNOWN_PERSON)
    # Whoever joins the networks later becomes a customer some time after that.
    later |= crowd.join_day[index] > 0
    known_on = np.where(later, crowd.join_day[index] + wait, 0)
    known = known_on <= day_number
    return Contacts(index[known], known_on[known])


def crm_contacts(network: Network, known: Contacts, day_number: int) -> pa.Table:
    """Contacts that are new or changed on a day (`network` only serves for the calendar)."""
    seed, crowd = network.settings.seed, network.crowd
    turn = (uniform(seed, Stream.CRM, known.index, salt=3) * UPDATED_EVERY).astype(np.int64)
    updated = (known.known_on < day_number) & ((turn + day_number) % UPDATED_EVERY == 0)
    rows = (known.known_on == day_number) | updated
    index, age = known.index[rows], day_number - known.known_on[rows]

    def u(salt: int) -> Floats:
        return uniform(seed, Stream.CRM, index, salt=salt)

    customer_days = 30 + (u(4) ** 1.5 * 3000).astype(np.int64)
    # What a customer spends in a year, as far back as the customer goes and on from there.
    a_year = np.exp(4.5 + 2.0 * u(5))
    region = crowd.region[index]
    first_year = network.settings.first_day.year
    return table(
        "crm_contacts",
        {
            "crm": constant(CRM, len(index)),
            "contact_id": known.ids(index, seed),
            "email": where(emails(index, seed), u(6) < 0.85),
            "full_name": full_names(index, seed),
            "region": where(chosen(tuple(r.code for r in REGIONS), region), u(7) > 0.05),
            "lifetime_value": where(np.round(a_year * (customer_days + age) / 365, 2), u(8) > 0.08),
            "currency": chosen(tuple(r.currency for r in REGIONS), region),
            "customer_since": _dates(network, known.known_on[rows] - customer_days),
            # A few are under age, which the pipeline has to notice.
            "birth_year": where((first_year - 13 - (u(9) ** 0.7 * 62)).astype(np.int32), u(10) < 0.6),
            "legal_basis": chosen(_BASES, np.searchsorted([0.6, 0.8, 0.96], u(11), side="right")),
            "deleted": pa.nulls(len(index)),
            "updated_at": midnight(network, day_number) + (u(12) * DAY_US).astype(np.int64),
        },
    )


def _dates(network: Network, day_numbers: Ints) -> pa.Array:
    """Day numbers as dates."""
    return pa.array((midnight(network, 0) // DAY_US + day_numbers).astype(np.int32)).cast(pa.date32())


def crm_contact_accounts(
    networks: tuple[Network, ...], crowd: People, known: Contacts, day_number: int
) -> pa.Table:
    """The handles that come with the contacts entered on a day; of some contacts none is known."""
    sample, forum = networks
    seed = sample.settings.seed
    index = known.index[known.known_on == day_number]
    u = uniform(seed, Stream.CRM, index, salt=13)
    told = (u < HANDLE_KNOWN) | (index == WELL_KNOWN_PERSON)
    on_sample, on_forum = crowd.on[SAMPLE][index], crowd.on[FORUM][index]
    rows = (
        (sample, told & on_sample),
        (forum, told & on_forum & (~on_sample | (u < BOTH_KNOWN * HANDLE_KNOWN))),
    )
    return pa.concat_tables(
        table(
            "crm_contact_accounts",
            {
                "crm": constant(CRM, int(some.sum())),
                "contact_id": known.ids(index[some], seed),
                "network": constant(network.customs.name, int(some.sum())),
                "handle": account_handles(index[some], seed, network.customs),
            },
        )
        for network, some in rows
    )


def service_events(network: Network, known: Contacts, day_number: int) -> pa.Table:
    """Calls, cases, complaints and refunds of a day; open ones are neither satisfied nor not."""
    rng = generator(network.settings.seed, day_number, Stream.CRM_EVENTS)
    index = np.repeat(known.index, rng.poisson(SERVICE_A_DAY, size=len(known.index)))
    count = len(index)
    resolved = rng.random(count) < 0.75
    kind = chosen(_SERVICE, np.searchsorted([0.5, 0.8, 0.93], rng.random(count), side="right"))
    occurred_at = _office_hours(network, day_number, count, rng)
    return table(
        "service_events",
        {
            "crm": constant(CRM, count),
            "contact_id": known.ids(index, network.settings.seed),
            "event_id": _event_ids("S", day_number, count),
            "kind": kind,
            "occurred_at": occurred_at,
            "resolved": pa.array(resolved),
            "satisfied": where(rng.random(count) < 0.7, resolved & (rng.random(count) < 0.6)),
            "deleted": pa.nulls(count),
            "updated_at": occurred_at,
        },
    )


def outcomes(network: Network, known: Contacts, day_number: int) -> pa.Table:
    """Clicks, referrals, orders, trials and churn of a day; the influential refer more."""
    rng = generator(network.settings.seed, day_number, Stream.CRM_EVENTS + 64)
    influence = np.log1p(network.crowd.influence[known.index])
    index = np.repeat(known.index, rng.poisson(OUTCOMES_A_DAY * (0.5 + 0.5 * influence)))
    count = len(index)
    kind = np.searchsorted([0.45, 0.60, 0.90, 0.98], rng.random(count), side="right")
    amount = np.round(np.exp(3.2 + 0.8 * rng.standard_normal(count)), 2)
    return table(
        "outcomes",
        {
            "outcome_id": _event_ids("O", day_number, count),
            "crm": constant(CRM, count),
            "contact_id": known.ids(index, network.settings.seed),
            "kind": chosen(_OUTCOMES, kind),
            "amount": where(amount, kind == _OUTCOMES.index("order")),
            "occurred_at": _office_hours(network, day_number, count, rng),
            "campaign_id": chosen(_CAMPAIGNS, rng.integers(0, len(_CAMPAIGNS), size=count)),
        },
    )


def _event_ids(prefix: str, day_number: int, count: int) -> pa.Array:
    numbers = (day_number + 1) * 1_000_000 + np.arange(count)
    return pc.binary_join_element_wise(prefix, pc.cast(pa.array(numbers), pa.string()), "")


def _office_hours(network: Network, day_number: int, count: int, rng: np.random.Generator) -> Ints:
    moment: Ints = midnight(network, day_number) + rng.integers(7 * HOUR_US, 20 * HOUR_US, size=count)
    return moment
