"""Account snapshots, the links between a person's two accounts, and what people ask for their privacy."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.connectors.community.content import midnight, posts
from orchestration.connectors.community.crm import CRM, Contacts
from orchestration.connectors.community.names import WELL_KNOWN_PERSON, emails, full_names
from orchestration.connectors.community.networks import Network
from orchestration.connectors.community.people import FORUM, INFLUENCE_SPREAD, REGIONS, SAMPLE, People
from orchestration.connectors.community.randomness import (
    DAY_US,
    HOUR_US,
    Bools,
    Floats,
    Ints,
    Stream,
    normal,
    uniform,
)
from orchestration.connectors.community.settings import CommunitySettings
from orchestration.connectors.community.tables import (
    account_handles,
    account_ids,
    chosen,
    constant,
    content_ids,
    scattered_ids,
    table,
    where,
)

UPDATED_EVERY = 30  # days
OLDEST_DAYS = 4700
LINKED_LATER, LINKED_WITHIN = 0.10, 60
DELETED, DELETED_AFTER = 0.002, 3  # of the posts, after so many days: when nobody reacts to them any more
PRIVACY_FROM, PRIVACY_CYCLE, PRIVACY_SHARE = 11, 400, 0.03  # first day; of the people, in so many days
OPT_IN_AFTER, OPT_IN_SHARE = 14, 0.25
_WELL_KNOWN_SINCE = datetime(2015, 12, 10, 9, 30, tzinfo=UTC)
_REQUESTS = ("opt_out", "erase", "object", "opt_in")


def accounts(network: Network, day_number: int) -> pa.Table:
    """The accounts that are new or changed on a day; on the first day all."""
    crowd, accounts_here = network.crowd, network.accounts
    salt, seed = network.customs.number * 16, network.settings.seed
    join_day = crowd.join_day[accounts_here]
    # Every account's numbers are refreshed once in thirty days, a thirtieth of them a day.
    turn = (uniform(seed, Stream.ACCOUNT_UPDATES, accounts_here, salt=salt) * UPDATED_EVERY).astype(np.int64)
    updated = (turn + day_number) % UPDATED_EVERY == 0
    index = accounts_here[(join_day == day_number) | ((join_day < day_number) & updated)]

    def u(salt_within: int) -> Floats:
        return uniform(seed, Stream.ACCOUNT_FIELDS, index, salt=salt + salt_within)

    bot, known = crowd.is_bot[index], index == WELL_KNOWN_PERSON
    joined = _joined_at(network, index)
    age_days = (midnight(network, day_number) + DAY_US - joined) / DAY_US
    observed = midnight(network, day_number) + (u(1) * DAY_US * 0.99).astype(np.int64)
    # A newcomer is seen within minutes of joining, never before.
    observed = np.where(
        crowd.join_day[index] == day_number, np.maximum(observed, joined + 60_000_000), observed
    )
    observed = np.minimum(observed, midnight(network, day_number) + DAY_US - 1)
    handles = account_handles(index, seed, network.customs)
    region = crowd.region[index]
    return table(
        "accounts",
        {
            "network": constant(network.customs.name, len(index)),
            "account_id": account_ids(index, seed, network.customs),
            "handle": handles,
            "display_name": where(full_names(index, seed), (u(2) > 0.03) | known),
            "email": where(emails(index, seed), u(3) < 0.10),
            "region": where(chosen(tuple(r.code for r in REGIONS), region), u(4) > 0.05),
            "language": where(chosen(tuple(r.language for r in REGIONS), region), u(5) > 0.08),
            "created_at": where(joined, (u(6) > 0.04) | known),
            "followers": _followers(network, index, day_number),
            "following": (np.exp(4.7 + 0.8 * normal(seed, Stream.ACCOUNT_FIELDS, index, salt=salt + 7))
                          * np.where(bot, 10, 1)).astype(np.int64),
            "posts": (np.where(bot, 60.0, network.post_rate[index]) * age_days).astype(np.int64),
            "is_verified": _verified(network, index),
            "is_automated": where(bot, u(9) < np.where(bot, 0.15, 0.10)),
            "observed_at": observed,
        },
    )  # fmt: skip


def _joined_at(network: Network, index: Ints) -> Ints:
    """When accounts were made, microseconds since 1970 UTC: founders' over the years before the first day."""
    seed, salt = network.settings.seed, network.customs.number
    u = uniform(seed, Stream.CREATED, index, salt=salt)
    join_day = network.crowd.join_day[index]
    before = midnight(network, 0) - ((1 + u**1.4 * OLDEST_DAYS) * DAY_US).astype(np.int64)
    known = min(int(_WELL_KNOWN_SINCE.timestamp()) * 1_000_000, midnight(network, 0) - 3650 * DAY_US)
    before = np.where(index == WELL_KNOWN_PERSON, known, before)
    joined: Ints = np.where(
        join_day == 0, before, midnight(network, 0) + join_day * DAY_US + (u * DAY_US * 0.99).astype(np.int64)
    )
    return joined


def _followers(network: Network, index: Ints, day_number: int) -> Ints:
    """Followers, which reflect influence in part; they grow by up to 60 % a year."""
    seed, salt = network.settings.seed, network.customs.number
    own = normal(seed, Stream.FOLLOWERS, index, salt=10 + salt)
    scale = 4.6 if salt == 0 else 2.8
    level = np.exp(scale + 1.4 * network.crowd.popularity[index] + 0.3 * own)
    growth = 0.6 * uniform(seed, Stream.FOLLOWERS, index, salt=20 + salt)
    return (level * (1 + growth * day_number / 365)).astype(np.int64)


def _verified(network: Network, index: Ints) -> Bools:
    """Verified accounts: some of the influential ones that are over two years old, some 2 % of all."""
    old = _joined_at(network, index) < midnight(network, 0) - 730 * DAY_US
    influential = np.log(network.crowd.influence[index]) / INFLUENCE_SPREAD > 0.9
    asked = uniform(network.settings.seed, Stream.VERIFIED, index, salt=network.customs.number) < 0.15
    verified: Bools = (old & influential & asked) | (index == WELL_KNOWN_PERSON)
    return verified


def identity_links(networks: Sequence[Network], crowd: People, day_number: int) -> pa.Table:
    """Two rows, one a network, for each person whose two accounts are first known to belong together."""
    settings = networks[0].settings
    both = np.flatnonzero(crowd.on[SAMPLE] & crowd.on[FORUM])
    later = uniform(settings.seed, Stream.LINKS, both) < LINKED_LATER
    later &= both != WELL_KNOWN_PERSON
    wait = 1 + (uniform(settings.seed, Stream.LINKS, both, salt=1) * LINKED_WITHIN).astype(np.int64)
    index = both[crowd.join_day[both] + np.where(later, wait, 0) == day_number]

    def u(salt: int) -> Floats:
        return uniform(settings.seed, Stream.LINKS, index, salt=salt)

    known = index == WELL_KNOWN_PERSON
    # By e-mail or by the people's own word one is sure; a match of names is a guess.
    method = np.where(known, 0, np.searchsorted([0.4, 0.65, 0.95], u(2), side="right"))
    confidence = np.select([method == 0, method == 1], [1.0, 0.98], default=np.round(0.6 + 0.35 * u(3), 2))
    observed = midnight(networks[0], day_number) + (22 * HOUR_US + u(4) * HOUR_US).astype(np.int64)
    return pa.concat_tables(
        table(
            "identity_links",
            {
                "network": constant(network.customs.name, len(index)),
                "account_id": account_ids(index, settings.seed, network.customs),
                "person_key": scattered_ids(index, settings.seed, "p", salt=9),
                "share": np.where(
                    known | (u(5 + network.customs.number) > 0.03), 1.0, np.round(0.5 + u(7) / 2, 2)
                ),
                "confidence": confidence,
                "method": chosen(("declared", "email", "name", None), method),
                "observed_at": observed,
            },
        )
        for network in networks
    )


def deletions(network: Network, day_number: int) -> pa.Table | None:
    """Posts of three days ago that their authors take back; None if there are none."""
    if day_number < DELETED_AFTER:
        return None
    number = posts(network, day_number - DELETED_AFTER).events.number
    number = number[uniform(network.settings.seed, Stream.DELETIONS, number) < DELETED]
    when = uniform(network.settings.seed, Stream.DELETIONS, number, salt=1)
    return table(
        "deletions",
        {
            "network": constant(network.customs.name, len(number)),
            "content_id": content_ids(number, network.customs),
            "deleted_at": midnight(network, day_number) + (when * DAY_US).astype(np.int64),
        },
    )


def privacy_requests(
    networks: Sequence[Network], crowd: People, contacts: Contacts, day_number: int
) -> pa.Table:
    """Requests of a day: by account, or by contact if the CRM knows the person; some opt in again later."""
    settings, tables = networks[0].settings, []
    for asked_on, again in ((day_number, False), (day_number - OPT_IN_AFTER, True)):
        index = _asking(settings, crowd, asked_on)
        request = np.searchsorted(
            [0.55, 0.78], uniform(settings.seed, Stream.PRIVACY, index, salt=1), side="right"
        )
        if again:
            back = uniform(settings.seed, Stream.PRIVACY, index, salt=2) < OPT_IN_SHARE
            index = index[back & (request == 0)]
            request = np.full(len(index), len(_REQUESTS) - 1)
        when = uniform(settings.seed, Stream.PRIVACY, index, salt=3)
        by_contact = uniform(settings.seed, Stream.PRIVACY, index, salt=4) < 0.5
        contact = by_contact & np.isin(index, contacts.index[contacts.known_on <= asked_on])
        on_sample = crowd.on[SAMPLE][index]
        ids = [account_ids(index, settings.seed, network.customs) for network in networks]
        account_id = pc.if_else(pa.array(on_sample), ids[0], ids[1])
        network_name = pc.if_else(pa.array(on_sample), SAMPLE, FORUM)
        tables.append(
            table(
                "privacy_requests",
                {
                    "network": where(network_name, ~contact),
                    "account_id": where(account_id, ~contact),
                    "crm": where(constant(CRM, len(index)), contact),
                    "contact_id": where(contacts.ids(index, settings.seed), contact),
                    "request": chosen(_REQUESTS, request),
                    "requested_at": midnight(networks[0], day_number) + (when * DAY_US).astype(np.int64),
                },
            )
        )
    return pa.concat_tables(tables)


def _asking(settings: CommunitySettings, crowd: People, day_number: int) -> Ints:
    """The people who make a request on a day: few, and each at most once in 400 days."""
    if day_number < PRIVACY_FROM:
        return np.empty(0, dtype=np.int64)
    cycle, day = divmod(day_number - PRIVACY_FROM, PRIVACY_CYCLE)
    candidates = np.flatnonzero(
        ~crowd.is_bot & (crowd.join_day < day_number) & (crowd.index != WELL_KNOWN_PERSON)
    )
    turn = uniform(settings.seed, Stream.PRIVACY, candidates, np.full(len(candidates), cycle))
    asks: Bools = (turn * PRIVACY_CYCLE / PRIVACY_SHARE).astype(np.int64) == day
    return candidates[asks]
