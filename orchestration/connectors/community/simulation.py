"""One day of the community as Arrow tables, and the truth behind it.

Measured on two cores: 2,000 people 0.1 s a day, 5,000 people 0.1 s, 1,000,000 people 18-33 s and
1.3-1.7 GB for some five million activities.
"""

from collections.abc import Iterator, Mapping
from datetime import date

import numpy as np
import pyarrow as pa

from orchestration.connectors.community.accounts import accounts, deletions, identity_links, privacy_requests
from orchestration.connectors.community.content import Events, concatenated, midnight
from orchestration.connectors.community.crm import (
    contacts,
    crm_contact_accounts,
    crm_contacts,
    outcomes,
    service_events,
)
from orchestration.connectors.community.follows import endorsements, follows
from orchestration.connectors.community.networks import Network, networks
from orchestration.connectors.community.people import ARCHETYPE_NAMES, TOPICS
from orchestration.connectors.community.randomness import DAY_US, Ints, Stream, uniform
from orchestration.connectors.community.reactions import CASCADE_DAYS, cascade, mentions
from orchestration.connectors.community.settings import CommunitySettings
from orchestration.connectors.community.tables import (
    account_handles,
    account_ids,
    activities,
    chosen,
    constant,
    table,
)

LATEST = 2  # days that a late activity comes after it occurred, at most


def simulate_day(settings: CommunitySettings, day: date) -> dict[str, pa.Table]:
    """What the community delivers on a day: tables by name, in the form of the input contracts.

    Depends on nothing but its arguments. Empty tables are left out; a day before the first has none at all.
    """
    day_number = settings.day_number(day)
    if day_number < 0:
        return {}
    crowd, both = networks(settings, day_number)
    known = contacts(settings, crowd, day_number)
    parts: Mapping[str, list[pa.Table | None]] = {
        "activities": [_activities(network, day_number) for network in both],
        "accounts": [accounts(network, day_number) for network in both],
        "identity_links": [identity_links(both, crowd, day_number)],
        "endorsements": [_endorsements(network, day_number) for network in both],
        "deletions": [deletions(network, day_number) for network in both],
        "privacy_requests": [privacy_requests(both, crowd, known, day_number)],
        "crm_contacts": [crm_contacts(both[0], known, day_number)],
        "crm_contact_accounts": [crm_contact_accounts(both, crowd, known, day_number)],
        "service_events": [service_events(both[0], known, day_number)],
        "outcomes": [outcomes(both[0], known, day_number)],
    }
    tables = {
        name: [part for part in found if part is not None and len(part)] for name, found in parts.items()
    }
    return {name: pa.concat_tables(found) for name, found in tables.items() if found}


def _activities(network: Network, day_number: int) -> pa.Table:
    """The activities of one network delivered on a day: by time, the repeated ones at the end."""
    seed = network.settings.seed
    events = concatenated([events.take(_delivered_on(network, events, day_number))
                           for events in _recent(network, day_number)])  # fmt: skip
    events = events.take(np.argsort(events.time, kind="stable"))
    twice = uniform(seed, Stream.DUPLICATES, events.number, salt=network.customs.number)
    again = events.take(twice < network.settings.duplicate_share)
    account_id = account_ids(network.crowd.index, seed, network.customs)
    return activities(concatenated([events, again]), network.customs, account_id)


def _recent(network: Network, day_number: int) -> Iterator[Events]:
    """All events that a day's delivery can hold, one cohort after the other to keep few in memory."""
    for cohort in range(max(0, day_number - LATEST), day_number + 1):
        yield mentions(network, cohort)
        yield follows(network, cohort)
    for cohort in range(max(0, day_number - LATEST - CASCADE_DAYS + 1), day_number + 1):
        yield cascade(network, cohort)


def _delivered_on(network: Network, events: Events, day_number: int) -> Ints:
    """Rows of the events delivered on a day: the day's without the late ones, and late ones from before."""
    occurred = (events.time - midnight(network, 0)) // DAY_US
    recent = np.flatnonzero((occurred >= day_number - LATEST) & (occurred <= day_number))
    late = uniform(network.settings.seed, Stream.LATE, events.number[recent], salt=network.customs.number)
    share = network.settings.late_share
    delay = np.where(late < share * 0.3, 2, np.where(late < share, 1, 0))
    delivered: Ints = recent[occurred[recent] + delay == day_number]
    return delivered


def _endorsements(network: Network, day_number: int) -> pa.Table:
    found, seed, customs = endorsements(network, day_number), network.settings.seed, network.customs
    return table(
        "endorsements",
        {
            "network": constant(customs.name, len(found.giver)),
            "from_account_id": account_ids(found.giver, seed, customs),
            "to_account_id": account_ids(found.receiver, seed, customs),
            "topic": chosen(TOPICS, found.topic),
            "endorsed_at": found.time,
        },
    )


def truth(settings: CommunitySettings) -> pa.Table:
    """What the simulator knows and the score must find out, one row an account of the first day.

    Columns: network, account_id, handle (string), person (int64, the person's index), influence (float64,
    hidden, median near 1; person and influence are the same on both networks), archetype (string: ordinary,
    quiet_expert, chatty_nobody or bot).
    """
    crowd, both = networks(settings, 0)
    return pa.concat_tables(
        pa.table(
            {
                "network": constant(network.customs.name, len(network.accounts)),
                "account_id": account_ids(network.accounts, settings.seed, network.customs),
                "handle": account_handles(network.accounts, settings.seed, network.customs),
                "person": network.accounts,
                "influence": crowd.influence[network.accounts],
                "archetype": chosen(ARCHETYPE_NAMES, crowd.archetype[network.accounts]),
            }
        )
        for network in both
    )
