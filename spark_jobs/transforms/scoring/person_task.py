"""People's days from blocks to arrays and back: the body of the task that scores a group of people.

People do not depend on each other here, so they may be cut into any number of groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.scoring_model import KINDS, ScoringModel
from spark_jobs.transforms.scoring.arrays import Bools, Floats, Ints, summed
from spark_jobs.transforms.scoring.block_tables import (
    ACCOUNT_MEASURES,
    LEVEL_CAUSES,
    PERSON_INPUT,
    PERSON_OUTPUT,
    PERSON_STATE,
)
from spark_jobs.transforms.scoring.blocks import (
    Rows,
    block_rows,
    codes,
    codes_or,
    constant,
    sorted_universe,
    table_rows,
    tables_of,
)
from spark_jobs.transforms.scoring.identity import ERASED, NEVER_ACTED, NOTHING_FORBIDS, UNSCORED_REASONS
from spark_jobs.transforms.scoring.own_score import points
from spark_jobs.transforms.scoring.person_day import (
    CAUSES,
    PARTS,
    STATE_PARTS,
    PersonDay,
    PersonState,
    person_day,
)
from spark_jobs.transforms.scoring.person_rows import NO_ORIGIN, AccountRows

SCORE_DECIMALS = 2
POINT_DECIMALS = 4
FAINTEST_POINTS = 0.00005
"""Points that round to nothing; a row that says 0 says nothing."""


def score_people(
    group: int, blocks: Iterator[pa.RecordBatch], days: Sequence[int], model: ScoringModel
) -> Iterator[pa.RecordBatch]:
    """Score one group of people over `days` (day numbers, in order, without gaps).

    `blocks` hold rows of PERSON_INPUT, people's own state being of the day before the first. Yields
    blocks of PERSON_OUTPUT and person_state for each day.
    """
    mine, others = _split(blocks, PERSON_INPUT)
    yield from others
    task = _Task(group, tables_of(mine, PERSON_INPUT))
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
    """One group's rows: people numbered by id, networks by name."""

    def __init__(self, group: int, tables: dict[str, Rows]) -> None:
        self.group = group
        self.account_rows, self.state_rows = tables["account_day"], tables["person_state"]
        self.topic_rows, self.reactor_rows = tables["person_topic"], tables["person_reactor"]
        self.people = sorted_universe(
            [self.account_rows.arrow("person_id"), self.state_rows.arrow("person_id")]
        )
        networks = sorted_universe([self.account_rows.arrow("network"), self.state_rows.arrow("network")])
        self.networks = networks.filter(pc.not_equal(networks, ""))
        self.account_day = self.account_rows.integers("day")
        self.account_person = codes(self.account_rows.arrow("person_id"), self.people)
        self.account_network = codes(self.account_rows.arrow("network"), self.networks)
        came_from = self.account_rows.arrow("came_from")
        self.account_origin = codes_or(came_from, sorted_universe([came_from]), NO_ORIGIN)
        self.topic_day = self.topic_rows.integers("day")
        self.reactor_day = self.reactor_rows.integers("day")

    def state(self) -> PersonState:
        rows = self.state_rows
        state = PersonState.empty(len(self.people), len(self.networks))
        if len(rows) == 0:
            return state
        person = codes(rows.arrow("person_id"), self.people)
        part, value = rows.arrow("part"), rows.numbers("value")
        for name in STATE_PARTS:
            target = getattr(state, name)
            chosen = _equal(part, name)
            target[person[chosen]] = value[chosen]
        for index, kind in enumerate(PARTS):
            chosen = _equal(part, kind)
            network = codes(rows.arrow("network").filter(pa.array(chosen)), self.networks)
            state.parts[person[chosen], network, index] = value[chosen]
        return state

    def standing(self, rows: Ints) -> tuple[Bools, Ints]:
        """Who is there that day, and their code of standing, (people,).

        Whoever has an erased account is not there: one account's request holds for the person.
        """
        # An account that has just left the person says nothing of them any more.
        rows = rows[self.account_rows.numbers("share")[rows] > 0]
        person = self.account_person[rows]
        people = len(self.people)
        present = np.bincount(person, minlength=people) > 0
        acted = np.bincount(person[self.account_rows.flags("has_acted")[rows]], minlength=people) > 0
        standing = np.zeros(people, dtype=np.int64)
        # One account's request holds for the person: the highest code is the strongest.
        np.maximum.at(standing, person, self.account_rows.integers("standing")[rows])
        present &= standing != ERASED
        return present, np.where(acted | (standing > NEVER_ACTED), standing, NEVER_ACTED)

    def accounts(self, rows: Ints) -> AccountRows:
        source = self.account_rows
        return AccountRows(
            person=self.account_person[rows],
            network=self.account_network[rows],
            origin=self.account_origin[rows],
            share=source.numbers("share")[rows],
            share_before=source.numbers("share_before")[rows],
            share_start=source.numbers("share_start")[rows],
            own_score=source.numbers("own_score")[rows],
            slow=np.column_stack([source.numbers(f"slow_{kind}")[rows] for kind in KINDS]),
            changes=np.column_stack([source.numbers(f"change_{cause}")[rows] for cause in LEVEL_CAUSES]),
            **{name: source.numbers(name)[rows] for name in ACCOUNT_MEASURES},
        )


class _Output:
    """A scored day as blocks."""

    def __init__(self, task: _Task, day: int, result: PersonDay, scored: Bools) -> None:
        self.task, self.day, self.result, self.scored = task, day, result, scored

    def _blocks(self, table: str, people: Ints, columns: dict[str, Any]) -> Iterator[pa.RecordBatch]:
        schema = PERSON_STATE if table == "person_state" else PERSON_OUTPUT[table]
        names = self.task.people.take(pa.array(people))
        rows = table_rows(schema, self.day, {"person_id": names, **columns})
        # Scores meet all others of their day next, to be ranked among them.
        group = self.day if table == "daily_score" else self.task.group
        yield from block_rows("group", group, table, rows)

    def daily_scores(self, present: Bools, reason: Ints) -> Iterator[pa.RecordBatch]:
        people = np.flatnonzero(present)
        result, scored = self.result, self.scored[people]

        def rounded(values: Floats) -> Floats:
            return np.where(scored, np.round(values[people], SCORE_DECIMALS), np.nan)

        columns = {
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
        why = pa.array(UNSCORED_REASONS, pa.string()).take(pa.array(reason[people]))
        yield from self._blocks("daily_score", people, {**columns, "unscored_reason": why})

    def parts(self) -> Iterator[pa.RecordBatch]:
        state, scored = self.result.state, self.scored
        base = np.flatnonzero(scored)
        yield from self._part_rows(base, "base", np.ones(len(base)), None)
        for network in range(len(self.task.networks)):
            for index, kind in enumerate(PARTS):
                value = state.parts[:, network, index]
                people = np.flatnonzero(scored & (np.abs(value) >= FAINTEST_POINTS))
                yield from self._part_rows(people, kind, value[people], network)
        for part in ("ceiling", "accounts"):
            value = getattr(state, part)
            people = np.flatnonzero(scored & (np.abs(value) >= FAINTEST_POINTS))
            yield from self._part_rows(people, part, value[people], None)

    def _part_rows(
        self, people: Ints, part: str, value: Floats, network: int | None
    ) -> Iterator[pa.RecordBatch]:
        name = self.task.networks[network].as_py() if network is not None else None
        columns = {
            "part": constant(part, len(people)),
            "network": constant(name, len(people)),
            "points": np.round(value, POINT_DECIMALS),
        }
        yield from self._blocks("score_part", people, columns)

    def changes(self, known: Bools) -> Iterator[pa.RecordBatch]:
        for index, cause in enumerate(CAUSES):
            value = self.result.changes[:, index]
            people = np.flatnonzero(known & (np.abs(np.nan_to_num(value)) >= FAINTEST_POINTS))
            columns = {
                "cause": constant(cause, len(people)),
                "points": np.round(value[people], POINT_DECIMALS),
            }
            yield from self._blocks("score_change", people, columns)

    def reactors(self, model: ScoringModel) -> Iterator[pa.RecordBatch]:
        task = self.task
        rows = np.flatnonzero(task.reactor_day == self.day)
        if len(rows) == 0:
            return
        chosen = pa.array(rows)
        people = codes(task.reactor_rows.arrow("person_id").take(chosen), task.people)
        network = codes(task.reactor_rows.arrow("network").take(chosen), task.networks)
        attention = self.result.score - 1 - self.result.state.parts[:, :, -1].sum(axis=1)
        earned = attention[people] * self.result.network_share[people, network]
        given = np.round(earned * task.reactor_rows.numbers("share")[rows], POINT_DECIMALS)
        account = task.reactor_rows.arrow("account_id").take(chosen)
        by_name = np.empty(len(rows), dtype=np.int64)
        by_name[pc.sort_indices(account).to_numpy()] = np.arange(len(rows))
        order = np.lexsort((by_name, network, -given, people))
        order = order[self.scored[people[order]] & (given[order] >= FAINTEST_POINTS)]
        rank = _rank_within(people[order])
        order, rank = order[rank <= model.measures.reactors], rank[rank <= model.measures.reactors]
        columns = {
            "rank": rank,
            "network": task.networks.take(pa.array(network[order])),
            "account_id": account.take(pa.array(order)),
            "points": given[order],
        }
        yield from self._blocks("score_reactor", people[order], columns)

    def topics(self, model: ScoringModel) -> Iterator[pa.RecordBatch]:
        task, source = self.task, self.task.topic_rows
        rows = np.flatnonzero(task.topic_day == self.day)
        if len(rows) == 0:
            return
        topics = sorted_universe([source.arrow("topic")])
        topic_of_row = codes(source.arrow("topic"), topics)[rows]
        slot = codes(source.arrow("person_id"), task.people)[rows] * len(topics) + topic_of_row
        slots, place = np.unique(slot, return_inverse=True)
        share = source.numbers("share")[rows]
        weight = np.maximum(source.numbers("weight")[rows], model.level.minimum_weight)
        attention = summed(place, share * source.numbers("attention")[rows] / weight, len(slots))
        evidence = summed(place, share * source.numbers("evidence")[rows], len(slots))
        endorsements = summed(place, share * source.numbers("endorsements")[rows], len(slots))
        people, topic = slots // len(topics), slots % len(topics)
        score = np.round(np.minimum(points(attention, model), model.score.cap), SCORE_DECIMALS)
        shown = self.scored[people] & (evidence >= model.measures.topic_minimum_evidence)
        order = np.lexsort((topic, -score, people))
        order = order[shown[order]]
        columns = {
            "topic": topics.take(pa.array(topic[order])),
            "score": score[order],
            "evidence": np.round(evidence[order], SCORE_DECIMALS),
            "endorsements": np.round(endorsements[order], SCORE_DECIMALS),
            "rank": _rank_within(people[order]),
        }
        yield from self._blocks("topic_score", people[order], columns)

    def state(self) -> Iterator[pa.RecordBatch]:
        state, scored = self.result.state, np.flatnonzero(self.scored)
        for part in STATE_PARTS:
            value = getattr(state, part)
            people = scored if part in ("raw", "observed", "ceiling") else scored[value[scored] != 0]
            yield from self._state_rows(people, part, value[people], "")
        for network in range(len(self.task.networks)):
            name = self.task.networks[network].as_py()
            for index, kind in enumerate(PARTS):
                value = state.parts[:, network, index]
                people = np.flatnonzero(self.scored & (value != 0))
                yield from self._state_rows(people, kind, value[people], name)

    def _state_rows(self, people: Ints, part: str, value: Floats, network: str) -> Iterator[pa.RecordBatch]:
        columns = {
            "part": constant(part, len(people)),
            "network": constant(network, len(people)),
            "value": value,
        }
        yield from self._blocks("person_state", people, columns)


def rank_days(day: int, blocks: Iterator[pa.RecordBatch], model: ScoringModel) -> Iterator[pa.RecordBatch]:
    """Complete a day's daily_score with percentile and model_version, sorted by person.

    percentile is the share of the other people scored who have less, in percent; equals share one.
    """
    schemas = {"daily_score": PERSON_OUTPUT["daily_score"]}
    mine, others = _split(blocks, schemas)
    yield from others
    scores = tables_of(mine, schemas)["daily_score"]
    if len(scores) == 0:
        return
    score = scores.numbers("score")
    scored = ~np.isnan(score)
    below = np.searchsorted(np.sort(score[scored]), score[scored], side="left")
    percentile = np.full(len(score), np.nan)
    percentile[scored] = np.round(100 * below / max(int(scored.sum()) - 1, 1), SCORE_DECIMALS)
    table = scores.table.append_column("percentile", pa.array(percentile, from_pandas=True))
    table = table.append_column("model_version", constant(model.version, len(score)))
    yield from block_rows("group", day, "daily_score", table.sort_by("person_id"))


def _split(
    blocks: Iterator[pa.RecordBatch], tables: Mapping[str, pa.Schema]
) -> tuple[list[pa.RecordBatch], list[pa.RecordBatch]]:
    """Blocks of `tables`, and those of all others."""
    mine, others = [], []
    for batch in blocks:
        wanted = pc.is_in(batch.column("table"), value_set=pa.array(list(tables)))
        mine.append(batch.filter(wanted))
        others.append(batch.filter(pc.invert(wanted)))
    return mine, [batch for batch in others if batch.num_rows]


def _rank_within(sorted_group: Ints) -> Ints:
    """1, 2, 3 … within each run of equal values."""
    starts = np.searchsorted(sorted_group, sorted_group, side="left")
    return np.arange(len(sorted_group)) - starts + 1


def _equal(values: pa.Array, wanted: str) -> Bools:
    return np.asarray(pc.equal(values, wanted).to_numpy(zero_copy_only=False)).astype(bool)
