"""People's days from records to arrays and back: the body of the task that scores a group of people.

People do not depend on each other here, so they may be cut into any number of groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql.types import DoubleType, IntegerType

from spark_jobs.scoring_model import KINDS, ScoringModel
from spark_jobs.transforms.scoring.account_people import NEVER_ACTED, NOTHING_FORBIDS, UNSCORED_REASONS
from spark_jobs.transforms.scoring.arrays import Bools, Floats, Ints, summed
from spark_jobs.transforms.scoring.network_layouts import (
    ACCOUNT_DAY,
    ACCOUNT_MEASURES,
    LEVEL_CAUSES,
    PERSON_REACTOR,
    PERSON_TOPIC,
)
from spark_jobs.transforms.scoring.person_day import (
    CAUSES,
    AccountRows,
    PersonDay,
    PersonState,
    person_day,
    points,
)
from spark_jobs.transforms.scoring.records import (
    Layout,
    as_lists,
    batches,
    codes,
    columns_of,
    constant,
    sorted_universe,
    table_of,
)

_DOUBLE = DoubleType()
PERSON_STATE = Layout("person_state", ("person_id", "network"), (("value", _DOUBLE),), text="part")
INPUT_LAYOUTS = (ACCOUNT_DAY, PERSON_STATE, PERSON_TOPIC, PERSON_REACTOR)

DAILY_SCORE = Layout(
    "daily_score",
    ("person_id", None),
    tuple(
        (name, _DOUBLE)
        for name in (
            "score",
            "score_low",
            "score_high",
            "observed_score",
            "momentum",
            "reach",
            "amplification",
            "network_influence",
            "evidence",
        )
    ),
    text="unscored_reason",
)
SCORE_PART = Layout("score_part", ("person_id", "network"), (("points", _DOUBLE),), text="part")
SCORE_CHANGE = Layout("score_change", ("person_id", None), (("points", _DOUBLE),), text="cause")
SCORE_REACTOR = Layout(
    "score_reactor",
    ("person_id", "account_id"),
    (("rank", IntegerType()), ("points", _DOUBLE)),
    text="network",
)
TOPIC_SCORE = Layout(
    "topic_score",
    ("person_id", "topic"),
    (("score", _DOUBLE), ("evidence", _DOUBLE), ("rank", IntegerType())),
)

SCORE_DECIMALS = 2
POINT_DECIMALS = 4
FAINTEST_POINTS = 0.00005
"""Points that round to nothing; a row that says 0 says nothing."""


def score_people(
    records: Iterator[pa.RecordBatch], days: Sequence[int], model: ScoringModel
) -> Iterator[pa.RecordBatch]:
    """Score one group of people over `days` (day numbers, in order, without gaps).

    `records` are in INPUT_LAYOUTS, with the state after the day before the first. Yields records of
    DAILY_SCORE, SCORE_PART, SCORE_CHANGE, SCORE_REACTOR, TOPIC_SCORE and PERSON_STATE for each day.
    """
    table = table_of(records)
    if table.num_rows == 0:
        return
    task = _Task(table)
    state = task.state()
    for day in days:
        rows = np.flatnonzero(task.account_day == day)
        present, reason = task.standing(rows)
        scored = present & (reason == NOTHING_FORBIDS)
        result = person_day(state, task.accounts(rows), scored, model)
        had_yesterday = ~np.isnan(state.raw)
        state = result.state
        output = _Output(task, day, result, scored)
        yield from output.daily_scores(present, reason)
        yield from output.parts()
        yield from output.changes(scored & had_yesterday)
        yield from output.reactors(model)
        yield from output.topics(model)
        yield from output.state()


class _Task:
    """One group's records: people numbered by id, networks by name."""

    def __init__(self, table: pa.Table) -> None:
        columns = columns_of(table, INPUT_LAYOUTS)
        self.group = table.column_names[0]
        self.group_value = table[self.group][0]
        self.account_rows, self.state_rows = columns["account_day"], columns["person_state"]
        self.topic_rows, self.reactor_rows = columns["person_topic"], columns["person_reactor"]
        self.people = sorted_universe([self.account_rows.key_1, self.state_rows.key_1])
        networks = sorted_universe([self.account_rows.key_2, self.state_rows.key_2])
        self.networks = networks.filter(pc.not_equal(networks, ""))
        self.account_day = self.account_rows.days
        self.account_person = codes(self.account_rows.key_1, self.people)
        self.account_network = codes(self.account_rows.key_2, self.networks)
        self.topic_day = self.topic_rows.days
        self.reactor_day = self.reactor_rows.days

    def state(self) -> PersonState:
        rows = self.state_rows
        state = PersonState.empty(len(self.people), len(self.networks))
        if len(rows) == 0:
            return state
        person, part, value = codes(rows.key_1, self.people), rows.text(), rows["value"]
        for name, target in (("raw", state.raw), ("observed", state.observed), ("ceiling", state.ceiling)):
            chosen = _equal(part, name)
            target[person[chosen]] = value[chosen]
        for index, kind in enumerate(KINDS):
            chosen = _equal(part, kind)
            network = codes(rows.key_2.filter(pa.array(chosen)), self.networks)
            state.parts[person[chosen], network, index] = value[chosen]
        return state

    def standing(self, rows: Ints) -> tuple[Bools, Ints]:
        """Who is there that day, and their code of standing, (people,)."""
        person = self.account_person[rows]
        people = len(self.people)
        present = np.bincount(person, minlength=people) > 0
        acted = np.bincount(person[self.account_rows.flags("has_acted")[rows]], minlength=people) > 0
        standing = np.zeros(people, dtype=np.int64)
        # One account's request holds for the person: the highest code is the strongest.
        np.maximum.at(standing, person, self.account_rows.integers("standing")[rows])
        return present, np.where(acted | (standing > NEVER_ACTED), standing, NEVER_ACTED)

    def accounts(self, rows: Ints) -> AccountRows:
        source = self.account_rows
        return AccountRows(
            person=self.account_person[rows],
            network=self.account_network[rows],
            share=source["share"][rows],
            slow=np.column_stack([source[f"slow_{kind}"][rows] for kind in KINDS]),
            changes=np.column_stack([source[f"change_{cause}"][rows] for cause in LEVEL_CAUSES]),
            **{name: source[name][rows] for name in ACCOUNT_MEASURES},
        )


class _Output:
    """A scored day as records."""

    def __init__(self, task: _Task, day: int, result: PersonDay, scored: Bools) -> None:
        self.task, self.day, self.result, self.scored = task, day, result, scored

    def _batches(
        self,
        layout: Layout,
        people: Ints,
        key_2: pa.Array | None,
        numbers: dict[str, Floats | Ints],
        text: pa.Array | None,
    ) -> Iterator[pa.RecordBatch]:
        group = (
            self.task.group,
            pa.array([self.task.group_value.as_py()] * len(people), self.task.group_value.type),
        )
        names = self.task.people.take(pa.array(people))
        texts = as_lists(text) if text is not None else None
        yield from batches(layout, group, self.day, names, key_2, numbers, texts)

    def daily_scores(self, present: Bools, reason: Ints) -> Iterator[pa.RecordBatch]:
        people = np.flatnonzero(present)
        result, scored = self.result, self.scored[people]

        def rounded(values: Floats) -> Floats:
            return np.where(scored, np.round(values[people], SCORE_DECIMALS), np.nan)

        numbers: dict[str, Floats | Ints] = {
            "score": rounded(result.score),
            "score_low": rounded(result.low),
            "score_high": rounded(result.high),
            "observed_score": rounded(result.state.observed),
            "momentum": rounded(result.momentum),
            "reach": rounded(result.reach),
            "amplification": rounded(result.amplification),
            "network_influence": rounded(result.network_influence),
            "evidence": rounded(result.evidence),
        }
        why = pa.array([UNSCORED_REASONS[code] for code in reason[people]], pa.string())
        yield from self._batches(DAILY_SCORE, people, None, numbers, why)

    def parts(self) -> Iterator[pa.RecordBatch]:
        state, scored = self.result.state, self.scored
        base = np.flatnonzero(scored)
        yield from self._part_rows(base, "base", np.ones(len(base)), None)
        for network in range(len(self.task.networks)):
            for index, kind in enumerate(KINDS):
                value = state.parts[:, network, index]
                people = np.flatnonzero(scored & (np.abs(value) >= FAINTEST_POINTS))
                yield from self._part_rows(people, kind, value[people], network)
        people = np.flatnonzero(scored & (np.abs(state.ceiling) >= FAINTEST_POINTS))
        yield from self._part_rows(people, "ceiling", state.ceiling[people], None)

    def _part_rows(
        self, people: Ints, part: str, value: Floats, network: int | None
    ) -> Iterator[pa.RecordBatch]:
        name = self.task.networks[network].as_py() if network is not None else None
        key_2 = constant(name, len(people)) if name is not None else None
        numbers: dict[str, Floats | Ints] = {"points": np.round(value, POINT_DECIMALS)}
        yield from self._batches(SCORE_PART, people, key_2, numbers, constant(part, len(people)))

    def changes(self, known: Bools) -> Iterator[pa.RecordBatch]:
        for index, cause in enumerate(CAUSES):
            value = self.result.changes[:, index]
            people = np.flatnonzero(known & (np.abs(np.nan_to_num(value)) >= FAINTEST_POINTS))
            numbers: dict[str, Floats | Ints] = {"points": np.round(value[people], POINT_DECIMALS)}
            yield from self._batches(SCORE_CHANGE, people, None, numbers, constant(cause, len(people)))

    def reactors(self, model: ScoringModel) -> Iterator[pa.RecordBatch]:
        task = self.task
        rows = np.flatnonzero(task.reactor_day == self.day)
        if len(rows) == 0:
            return
        chosen = pa.array(rows)
        people = codes(task.reactor_rows.key_1.take(chosen), task.people)
        network = codes(task.reactor_rows.text().take(chosen), task.networks)
        earned = (self.result.score - 1)[people] * self.result.network_share[people, network]
        given = np.round(earned * task.reactor_rows["share"][rows], POINT_DECIMALS)
        account = task.reactor_rows.key_2.take(chosen)
        by_name = np.empty(len(rows), dtype=np.int64)
        by_name[pc.sort_indices(account).to_numpy()] = np.arange(len(rows))
        order = np.lexsort((by_name, network, -given, people))
        order = order[self.scored[people[order]] & (given[order] >= FAINTEST_POINTS)]
        rank = _rank_within(people[order])
        order, rank = order[rank <= model.measures.reactors], rank[rank <= model.measures.reactors]
        numbers: dict[str, Floats | Ints] = {"rank": rank, "points": given[order]}
        networks = task.networks.take(pa.array(network[order]))
        yield from self._batches(
            SCORE_REACTOR, people[order], account.take(pa.array(order)), numbers, networks
        )

    def topics(self, model: ScoringModel) -> Iterator[pa.RecordBatch]:
        task, source = self.task, self.task.topic_rows
        rows = np.flatnonzero(task.topic_day == self.day)
        if len(rows) == 0:
            return
        topics = sorted_universe([source.key_2])
        slot = codes(source.key_1, task.people)[rows] * len(topics) + codes(source.key_2, topics)[rows]
        slots, place = np.unique(slot, return_inverse=True)
        share = source["share"][rows]
        weight = np.maximum(source["weight"][rows], model.level.minimum_weight)
        attention = summed(place, share * source["attention"][rows] / weight, len(slots))
        evidence = summed(place, share * source["evidence"][rows], len(slots))
        people, topic = slots // len(topics), slots % len(topics)
        score = np.round(np.minimum(points(attention, model), model.score.cap), SCORE_DECIMALS)
        shown = self.scored[people] & (evidence >= model.measures.topic_minimum_evidence)
        order = np.lexsort((topic, -score, people))
        order = order[shown[order]]
        numbers: dict[str, Floats | Ints] = {
            "score": score[order],
            "evidence": np.round(evidence[order], SCORE_DECIMALS),
            "rank": _rank_within(people[order]),
        }
        yield from self._batches(
            TOPIC_SCORE, people[order], topics.take(pa.array(topic[order])), numbers, None
        )

    def state(self) -> Iterator[pa.RecordBatch]:
        state, scored = self.result.state, np.flatnonzero(self.scored)
        for part, value in (("raw", state.raw), ("observed", state.observed), ("ceiling", state.ceiling)):
            yield from self._state_rows(scored, part, value[scored], "")
        for network in range(len(self.task.networks)):
            name = self.task.networks[network].as_py()
            for index, kind in enumerate(KINDS):
                value = state.parts[:, network, index]
                people = np.flatnonzero(self.scored & (value != 0))
                yield from self._state_rows(people, kind, value[people], name)

    def _state_rows(self, people: Ints, part: str, value: Floats, network: str) -> Iterator[pa.RecordBatch]:
        yield from self._batches(
            PERSON_STATE,
            people,
            constant(network, len(people)),
            {"value": value},
            constant(part, len(people)),
        )


def _rank_within(sorted_group: Ints) -> Ints:
    """1, 2, 3 … within each run of equal values."""
    starts = np.searchsorted(sorted_group, sorted_group, side="left")
    return np.arange(len(sorted_group)) - starts + 1


def _equal(values: pa.Array, wanted: str) -> Bools:
    return np.asarray(pc.equal(values, wanted).to_numpy(zero_copy_only=False)).astype(bool)
