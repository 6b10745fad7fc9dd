"""Whatever goes wrong, in whatever order: once the CRM answers again, it holds the latest plan's values.

And what it holds on the way is never another record's, never a field that is not ours, and never older than
what our books say is confirmed.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.activation.deliveries import Deliveries
from orchestration.activation.plan import AGAIN
from orchestration.activation.sync import SyncError
from tests.fixtures.contact_scores import DAY
from tests.fixtures.crm_harness import KINDS, Harness, harness

CONTACTS = 4
FAULTS = ("none", "none", "429", "503", "before", "lost", "abort", "half", "forget", "kill")

# Few scores, so that one comes back to where it was, or to within its tolerance of it.
SCORES = st.sampled_from([40.0, 40.6, 60.0, 60.6, 90.0, None, "opted_out", "erased", "gone"])
# Little patience, so that a single fault is enough for a call to stay without an answer.
PATIENCE = 1.5


@dataclass(frozen=True)
class Step:
    """A day: what the mart says of each contact, what goes wrong, who is refused, when we are killed."""

    scores: tuple[float | str | None, ...]
    faults: tuple[str, ...]
    refused: frozenset[int]
    killed_at: int | None


STEPS = st.lists(
    st.builds(
        Step,
        st.tuples(*[SCORES] * CONTACTS),
        st.lists(st.sampled_from(FAULTS), max_size=14).map(tuple),
        st.frozensets(st.integers(0, CONTACTS - 1), max_size=2),
        st.none() | st.integers(0, 3),
    ),
    min_size=1,
    max_size=3,
)


def rows_of(crm: Harness, step: Step, day: int) -> list[dict[str, object]]:
    rows = []
    for place, said in enumerate(step.scores):
        if said == "gone":
            continue
        if isinstance(said, float):
            rows.append(crm.row(place, said, day=DAY + timedelta(days=day), topic_1=f"topic {said}"))
        else:
            rows.append(crm.row(place, None, unscored_reason=said or "not_scored"))
    return rows


class KilledError(BaseException):
    """Nobody catches this: the process is gone."""


def run(crm: Harness, step: Step, day: int) -> None:
    """A sync that may be killed when it is about to write down its answers for the n-th time."""
    answers = iter(range(100))
    real = Deliveries.answer, Deliveries.fold
    killed = []

    def answer(self: Deliveries, given: object) -> None:
        if next(answers) == step.killed_at:
            killed.append(True)
            raise KilledError
        real[0](self, given)  # type: ignore[arg-type]

    def fold(self: Deliveries) -> int:
        if killed:
            raise KilledError
        return real[1](self)

    with (
        patch.object(Deliveries, "answer", answer),
        patch.object(Deliveries, "fold", fold),
        suppress(KilledError, SyncError),
    ):
        crm.sync(rows_of(crm, step, day), DAY + timedelta(days=day))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_the_crm_ends_with_the_latest_plans_values(kind: str, steps: list[Step]) -> None:
    with (
        tempfile.TemporaryDirectory() as home,
        harness(kind, Path(home), count=CONTACTS, crm_patience=PATIENCE) as crm,
    ):
        for day, step in enumerate(steps):
            crm.server.refused = {crm.ids[place] for place in step.refused}
            crm.server.faults.clear()
            crm.server.faults.extend(step.faults)
            run(crm, step, day)
            crm.untouched()
        last, day = steps[-1], len(steps) - 1
        crm.server.faults.clear()
        crm.server.pending.clear()
        crm.server.refused = set()
        rows, as_of = rows_of(crm, last, day), DAY + timedelta(days=day)
        assert crm.sync(rows, as_of).failure is None
        crm.untouched()
        left = crm.plan(rows, as_of).changes
        assert {cause for change in left for cause in change.causes} <= {AGAIN}, "all is confirmed"
        assert crm.sync(rows, as_of).run.counts["planned"] == len(left)
        assert crm.plan(rows, as_of).changes == ()
        known = crm.known()
        values = {row["contact_id"]: crm.mapping.values(row) for row in rows}
        for place, contact_id in enumerate(crm.ids):
            confirmed = known[contact_id].confirmed if contact_id in known else {}
            assert crm.missing(place, confirmed) == [], "the CRM holds what the books say"
            expected = values.get(contact_id, {})
            if last.scores[place] in ("opted_out", "erased", "gone"):
                assert all(crm.held(place)[name] is None for name in ("score", "topic", "as_of"))
            else:
                assert crm.mapping.moved(confirmed, expected) == (), "and the books say what the plan said"
