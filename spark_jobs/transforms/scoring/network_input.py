"""A network's records as the arrays that its days are scored on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.scoring_model import KINDS, POSTING_KINDS
from spark_jobs.taxonomy import TagTopics
from spark_jobs.transforms.scoring.account_people import PeopleOfAccounts
from spark_jobs.transforms.scoring.accounts import NEVER, Accounts
from spark_jobs.transforms.scoring.arrays import Bools, Ints, summed
from spark_jobs.transforms.scoring.blocks import Rows, codes, codes_or, sorted_universe
from spark_jobs.transforms.scoring.endorsements import Endorsements
from spark_jobs.transforms.scoring.identity import (
    ERASED,
    NOTHING_FORBIDS,
    UNHEARD,
    Heard,
    link_intervals,
    standing_intervals,
)
from spark_jobs.transforms.scoring.network_day import DayEvents, NetworkState
from spark_jobs.transforms.scoring.pairs import Follows, Pairs, Reactions
from spark_jobs.transforms.scoring.topic_input import most_specific, pairs_above, topics_of_tags
from spark_jobs.transforms.scoring.topics import ReactionTopics, Topics

ALL_KINDS = (*KINDS, "post", "follow", "unfollow")
"""Every kind of activity, reactions first and in the order of KINDS."""

SLOW_COLUMNS = tuple(f"slow_{kind}" for kind in KINDS)
SAME_NAME = (
    "trust",
    "authority",
    "posts_long",
    "posts_short",
    "posts_long_weight",
    "posts_short_weight",
    "weight",
    "weight_sq",
    "slow_sq",
    "fast",
    "fast_weight",
    "own_score",
)
"""Numbers of an account that are called the same in the state's table and in the arrays."""


class NetworkInput:
    """One network's records: ids numbered in order, columns as arrays."""

    def __init__(
        self, network: str, tables: dict[str, Rows], least_confidence: float, tags: TagTopics | None = None
    ) -> None:
        self.network, self.tables = network, tables
        activity, snapshot, pairs = tables["activities"], tables["accounts"], tables["pair_state"]
        self.ids = sorted_universe(
            [
                tables["account_state"].arrow("account_id"),
                activity.arrow("actor_account_id"),
                activity.arrow("target_account_id"),
                snapshot.arrow("account_id"),
                tables["endorsements"].arrow("from_account_id"),
                tables["endorsements"].arrow("to_account_id"),
                pairs.arrow("actor_account_id"),
                pairs.arrow("target_account_id"),
                tables["identity_links"].arrow("account_id"),
                tables["person_account"].arrow("account_id"),
            ]
        )
        tags = tags or TagTopics()
        # What was kept is looked up as well: after a change of taxonomy it goes on under its new topic.
        self.kept_topics = topics_of_tags(tables["topic_state"].arrow("topic"), tags)
        told = topics_of_tags(activity.arrow("topics").flatten(), tags)
        kept, given = tables["endorsement_state"], tables["endorsements"]
        self.kept_endorsed, self.endorsed = (topics_of_tags(t.arrow("topic"), tags) for t in (kept, given))
        self.topics = sorted_universe([self.kept_topics, told, self.kept_endorsed, self.endorsed])
        self.actor = codes(activity.arrow("actor_account_id"), self.ids)
        self.target = codes_or(activity.arrow("target_account_id"), self.ids, -1)
        self.kind = codes(activity.arrow("kind"), pa.array(ALL_KINDS))
        self.late = np.maximum(activity.integers("late_days"), 0)
        self.occurred = activity.integers("occurred_at")
        self.activity_day = activity.integers("day")
        self.topic_rows, self.topic_codes = most_specific(
            *_topic_rows(activity, told, self.topics), pairs_above(self.topics, tags), len(self.topics)
        )
        self.snapshot_account = codes(snapshot.arrow("account_id"), self.ids)
        self.snapshot_day = snapshot.integers("day")
        # Whoever says whose an account is has seen it: a link that comes first waits for nothing.
        self.linked_account = codes(tables["identity_links"].arrow("account_id"), self.ids)
        self.linked_day = tables["identity_links"].integers("day")
        self.endorsement_day = given.integers("day")
        self.endorser, self.endorsee = (
            codes(given.arrow(name), self.ids) for name in ("from_account_id", "to_account_id")
        )
        self.people = PeopleOfAccounts(
            link_intervals(
                tables["person_account"],
                self._heard_before(),
                tables["identity_links"],
                self.ids,
                least_confidence,
            ),
            standing_intervals(tables["privacy_requests"], self.ids, tables.get("privacy_extension")),
        )

    def _heard_before(self) -> Heard:
        rows = self.tables["account_state"]
        account = codes(rows.arrow("account_id"), self.ids)
        return Heard.before(account, rows.integers("links_observed_at", UNHEARD))

    def state(self, recent_days: int) -> NetworkState:
        """The state that the records carry; empty at a history's beginning.

        `recent_days` is how many days of flow the model remembers one by one.
        """
        rows = self.tables["account_state"]
        if len(rows) == 0:
            return NetworkState.empty(recent_days)
        code = codes(rows.arrow("account_id"), self.ids)
        order = np.argsort(code)
        accounts = Accounts(
            code=code[order],
            handle=rows.objects("handle")[order],
            first_seen=rows.integers("first_seen_on")[order],
            created=rows.integers("created_on", NEVER)[order],
            last_active=rows.integers("last_active_on", NEVER)[order],
            verified=rows.flags("is_verified")[order],
            seed=rows.flags("is_seed")[order],
            slow=np.column_stack([rows.numbers(name) for name in SLOW_COLUMNS])[order],
            recent=rows.lists("recent_flow", recent_days)[order],
            **{name: rows.numbers(name)[order] for name in SAME_NAME},
        )
        network = self.tables["network_state"]
        stopped = network.arrow("stopped_days")[0].as_py() if len(network) else None
        return NetworkState(
            accounts=accounts,
            pairs=self._pairs(accounts),
            topics=self._topics(accounts),
            stopped=frozenset(int(np.datetime64(d, "D").astype(np.int64)) for d in stopped or ()),
            clock_days=float(network.numbers("clock_days")[0]) if len(network) else 0.0,
            seeds_drawn_on=int(network.integers("seeds_drawn_on", NEVER)[0]) if len(network) else NEVER,
            endorsements=self._endorsements(accounts),
        )

    def _pairs(self, accounts: Accounts) -> Pairs:
        rows = self.tables["pair_state"]
        actor = accounts.numbers_of(codes(rows.arrow("actor_account_id"), self.ids))
        target = accounts.numbers_of(codes(rows.arrow("target_account_id"), self.ids))
        order = np.lexsort((target, actor))
        return Pairs(
            actor[order],
            target[order],
            rows.numbers("mass")[order],
            rows.numbers("counted")[order],
            rows.numbers("follow_mass")[order],
            # A state from before these two were kept has none: of what it counted nothing is taken back.
            np.nan_to_num(rows.numbers("taken"))[order],
            np.nan_to_num(rows.numbers("standing"))[order],
        )

    def _topics(self, accounts: Accounts) -> Topics:
        rows = self.tables["topic_state"]
        account = accounts.numbers_of(codes(rows.arrow("account_id"), self.ids))
        topic = codes_or(self.kept_topics, self.topics, -1)
        known = topic >= 0
        many = max(len(self.topics), 1)
        # Two topics of yesterday may be one in today's taxonomy.
        slots, place = np.unique(account[known] * many + topic[known], return_inverse=True)
        attention, evidence = (
            summed(place, rows.numbers(name)[known], len(slots)) for name in ("attention", "evidence")
        )
        return Topics(slots // many, slots % many, attention, evidence)

    def _endorsements(self, accounts: Accounts) -> Endorsements:
        rows = self.tables["endorsement_state"]
        kept = Endorsements(
            accounts.numbers_of(codes(rows.arrow("from_account_id"), self.ids)),
            accounts.numbers_of(codes(rows.arrow("to_account_id"), self.ids)),
            codes_or(self.kept_endorsed, self.topics, -1),
            rows.integers("given_on"),
        )
        return kept.only(kept.topic >= 0).and_also(Endorsements.empty())

    def _endorsed(self, accounts: Accounts, rows: Ints) -> Endorsements:
        """The day's endorsements in the order of giving; of a moment, in that of the ids and topics."""
        given = self.tables["endorsements"].integers("endorsed_at")[rows]
        found = Endorsements(
            accounts.numbers_of(self.endorser[rows]),
            accounts.numbers_of(self.endorsee[rows]),
            codes_or(self.endorsed, self.topics, -1)[rows],
            days_of_moments(given),
        )
        order = np.lexsort((found.topic, found.receiver, found.giver, given))
        return found.only(order[found.topic[order] >= 0])

    def day(self, state: NetworkState, day: int) -> tuple[NetworkState, DayEvents]:
        """The state with the day's newcomers and snapshots, and the day's events in its numbers."""
        rows = np.flatnonzero(self.activity_day == day)
        snapshots = np.flatnonzero(self.snapshot_day == day)
        target = self.target[rows]
        given = np.flatnonzero(self.endorsement_day == day)
        ends = (self.endorser[given], self.endorsee[given])
        seen = np.unique(
            np.concatenate(
                (
                    self.actor[rows],
                    target[target >= 0],
                    self.snapshot_account[snapshots],
                    self.linked_account[self.linked_day == day],
                    *ends,
                )
            )
        )
        accounts, numbers = state.accounts.joined_by(seen, day)
        accounts = self._with_snapshots(accounts, snapshots)
        state = NetworkState(
            accounts=accounts,
            pairs=state.pairs.renumbered(numbers),
            topics=state.topics.renumbered(numbers),
            stopped=state.stopped,
            clock_days=state.clock_days,
            seeds_drawn_on=state.seeds_drawn_on,
            endorsements=state.endorsements.renumbered(numbers),
        )
        standing = self.people.standing(accounts, day)
        kept, endorsements = state.endorsements, self._endorsed(accounts, given)
        erased = standing == ERASED
        state = replace(state, endorsements=kept.only(~(erased[kept.giver] | erased[kept.receiver])))
        endorsements = endorsements.only(~(erased[endorsements.giver] | erased[endorsements.receiver]))
        events = self._events(accounts, rows, day)
        return state, replace(events, endorsements=endorsements, silent=standing != NOTHING_FORBIDS)

    def _with_snapshots(self, accounts: Accounts, rows: Ints) -> Accounts:
        if len(rows) == 0:
            return accounts
        snapshot = self.tables["accounts"]
        observed = snapshot.integers("observed_at")[rows]
        # The last snapshot of each account; ties are exact copies or decided by the row's handle.
        handle = snapshot.objects("handle")[rows]
        order = np.lexsort((handle.astype(str), observed, self.snapshot_account[rows]))
        account = self.snapshot_account[rows][order]
        last = np.append(account[1:] != account[:-1], True)
        chosen, at = order[last], accounts.numbers_of(account[last])
        created = days_of_moments(snapshot.integers("created_at", NEVER)[rows][chosen])
        changed = {
            "handle": accounts.handle.copy(),
            "created": accounts.created.copy(),
            "verified": accounts.verified.copy(),
        }
        changed["handle"][at] = handle[chosen]
        changed["created"][at] = np.where(created > NEVER, created, accounts.created[at])
        # A snapshot that says nothing of it, as some answers do not, takes no badge away.
        badge = snapshot.integers("is_verified", -1)[rows][chosen]
        changed["verified"][at] = np.where(badge < 0, accounts.verified[at], badge == 1)
        return accounts.changed(**changed)

    def _events(self, accounts: Accounts, rows: Ints, day: int) -> DayEvents:
        n = len(accounts)
        actor = accounts.numbers_of(self.actor[rows])
        kind, late = self.kind[rows], self.late[rows]
        aimed = self.target[rows] >= 0
        target = np.where(aimed, accounts.numbers_of(np.maximum(self.target[rows], 0)), -1)
        others = aimed & (actor != target)
        others &= ~self.people.same_person(accounts, actor, target, day)
        reacting = others & (kind < len(KINDS))
        reactions = Reactions.grouped(actor[reacting], target[reacting], kind[reacting], late[reacting])
        follow = ALL_KINDS.index("follow")
        following = others & (kind >= follow)
        own = np.isin(kind, [ALL_KINDS.index(name) for name in POSTING_KINDS])
        return DayEvents(
            day=day,
            reactions=reactions,
            follows=_last_follows(
                actor[following],
                target[following],
                late[following],
                kind[following] == follow,
                self.occurred[rows][following],
                n,
            ),
            acted=np.bincount(actor, minlength=n) > 0,
            posts=np.bincount(actor[own], minlength=n).astype(np.float64),
            customer=self._customers(accounts, day),
            late_days_seen=frozenset(int(d) for d in np.unique(late)),
            holder=self.people.holders(accounts, day),
            about=self._about(rows[reacting], actor[reacting], target[reacting], reactions),
        )

    def _customers(self, accounts: Accounts, day: int) -> Bools:
        """Accounts of people whom the CRM knew by that day, found by handle."""
        customers = self.tables["crm_contact_accounts"]
        if len(customers) == 0:
            return np.zeros(len(accounts), dtype=bool)
        handles = pc.utf8_lower(pa.array(accounts.handle, pa.string(), from_pandas=True))
        known_handles = pc.utf8_lower(pc.utf8_ltrim(customers.arrow("handle"), "@"))
        by_then = known_handles.filter(pa.array(customers.integers("day") <= day))
        known = pc.is_in(handles, value_set=by_then, skip_nulls=True)
        return np.asarray(known.to_numpy(zero_copy_only=False)).astype(bool)

    def _about(self, rows: Ints, actor: Ints, target: Ints, reactions: Reactions) -> ReactionTopics:
        """Parts of each reaction group by topic; a reaction on k topics is a k-th about each."""
        if len(self.topic_rows) == 0 or len(rows) == 0:
            return ReactionTopics.none()
        group = _group_of(reactions, actor, target, self.kind[rows], self.late[rows])
        group_of_row = np.full(len(self.activity_day), -1, dtype=np.int64)
        group_of_row[rows] = group
        on = group_of_row[self.topic_rows]
        here = on >= 0
        on, topic, row = on[here], self.topic_codes[here], self.topic_rows[here]
        if len(on) == 0:
            return ReactionTopics.none()
        topics_of_row = np.bincount(row, minlength=len(self.activity_day))[row]
        keys = np.column_stack((on, topic, topics_of_row))
        unique, count = np.unique(keys, axis=0, return_counts=True)
        part = count / unique[:, 2] / reactions.count[unique[:, 0]]
        pair, place = np.unique(unique[:, :2], axis=0, return_inverse=True)
        return ReactionTopics(pair[:, 0], pair[:, 1], summed(place.ravel(), part, len(pair)))


def days_of_moments(moments: Ints) -> Ints:
    """Day numbers of microseconds since 1970-01-01; NEVER stays what it is."""
    return np.where(moments == NEVER, NEVER, moments // (24 * 60 * 60 * 1_000_000))


def _topic_rows(activity: Rows, told: pa.Array, topics: pa.Array) -> tuple[Ints, Ints]:
    """(row, topic) of every topic of every activity, without doubles in a row.

    `told` are the topics of the activities' tags, one after the other.
    """
    if len(activity) == 0:
        none = np.zeros(0, dtype=np.int64)
        return none, none
    rows = np.asarray(pc.list_parent_indices(activity.arrow("topics")).to_numpy(zero_copy_only=False)).astype(
        np.int64
    )
    code = codes_or(told, topics, -1)
    if len(rows) == 0:
        return rows, code
    unique = np.unique(np.column_stack((rows, code))[code >= 0], axis=0)
    return unique[:, 0], unique[:, 1]


def _group_of(reactions: Reactions, actor: Ints, target: Ints, kind: Ints, age: Ints) -> Ints:
    """The reaction group of each single reaction; groups are sorted by these four columns."""
    groups = np.column_stack((reactions.actor, reactions.target, reactions.kind, reactions.age))
    single = np.column_stack((actor, target, kind, age))
    _, place = np.unique(np.vstack((groups, single)), axis=0, return_inverse=True)
    # Every group occurs once among the first rows, in the same order as np.unique's.
    return np.asarray(place.ravel()[len(groups) :])


def _last_follows(
    actor: Ints, target: Ints, age: Ints, begins: Bools, occurred: Ints, accounts: int
) -> Follows:
    """The last follow or unfollow of each pair; at the same moment the unfollow is the later one."""
    order = np.lexsort((~begins, occurred, target, actor))
    key = actor[order] * accounts + target[order]
    last = order[np.append(key[1:] != key[:-1], True)] if len(key) else order
    return Follows(actor[last], target[last], age[last], begins[last])
