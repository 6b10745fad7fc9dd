"""Carrying a plan out: privacy first, batch by batch, each record's fate written down as it is known."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise

from orchestration.activation.deliveries import Answer, Deliveries, SyncRun
from orchestration.activation.destination import (
    Destination,
    DestinationError,
    MissingFieldError,
    Outcome,
    Record,
    UnansweredError,
)
from orchestration.activation.mapping import CrmMapping, Value, Values
from orchestration.activation.plan import GIVE_UP_AFTER, Change, Plan
from orchestration.activation.readback import differences, is_default, is_empty, sample

PAST = frozenset({"stale", "empty"})
"""Guards that a run over days of the past meets as a matter of course."""

# A CRM that does not answer so many batches in a row is down; the rest waits for the next run.
SILENT_BATCHES = 3

_MOST_LEFT = 2_000
_ADDRESS = re.compile(r"[^\s@<>'\"]+@[^\s@<>'\"]+")


@dataclass(frozen=True)
class Report:
    """How a sync ended. `failure` is empty where everything planned was confirmed or rests as given up.

    `not_sent`: why nothing had to be sent, where that is as it should be.
    """

    run: SyncRun
    failure: str | None
    reasons: Mapping[str, int]  # what the CRM said, by how often
    not_sent: str | None = None
    not_read: bool = False  # the CRM cannot be read, so only its own word says what arrived

    @property
    def text(self) -> str:
        """The counts in a line; why there are none, where nothing had to be sent."""
        if self.not_sent and not self.run.counts.get("emptied"):
            return self.not_sent
        counts = self.run.counts
        names = ("confirmed", "emptied", "refused", "given_up", "failed", "unchanged")
        said = ", ".join(f"{counts.get(name, 0):,} {name.replace('_', ' ')}" for name in names)
        read = "; nothing was read back, for this CRM cannot be read" if self.not_read else ""
        return f"{said}; {self.run.calls:,} calls of at most {self.run.batch_size:,} records{read}"


def apply_plan(
    plan: Plan,
    mapping: CrmMapping,
    destination: Destination,
    deliveries: Deliveries,
    run_id: str,
    *,
    yes: bool = False,
    expected: Collection[str] = (),
    read_back: int = 20,
    progress: Callable[[str], None] = lambda text: None,
) -> Report:
    """Send what the plan says and its guards allow; the report says what became of it.

    `expected` names guards that stop the plan and are no failure. `read_back` is how many confirmed records
    are read again. The plan must have been made from these deliveries, after what an earlier sync left open
    was settled (`settle`).
    """
    run = SyncRun(plan.crm, run_id, plan.as_of, datetime.now(UTC), batch_size=destination.batch_size)
    stopped = plan.stopped_by(yes)
    changes = plan.allowed(yes)
    sending = _Sending(mapping, destination, deliveries, run, progress)
    if not stopped:
        deliveries.unfinished.begun(changes, mapping)
    try:
        sending.all(changes)
        sending.read_back(read_back)
    except BaseException as error:
        sending.interrupted(error)
        raise
    finally:
        run.calls = destination.calls
        deliveries.fold()
        failure = sending.failure
        not_sent = None
        past = any(guard.name in expected for guard in stopped)
        # What would be asked about a plan is not asked while it is not to be sent anyway.
        if past and all(guard.asks or guard.name in expected for guard in stopped):
            not_sent = _not_sent(plan)
        elif stopped:
            held = "; ".join(guard.message for guard in stopped)
            way = " Look at the plan, then apply it with --yes." if all(g.asks for g in stopped) else ""
            failure = " ".join(filter(None, [f"stopped: {held}.{way}", failure]))
        run.counts = {
            **{
                name: sending.fates[name]
                for name in ("confirmed", "emptied", "refused", "given_up", "failed")
            },
            "planned": len(plan.changes),
            "unsent": len(plan.changes) - sum(sending.fates.values()),
            "unchanged": plan.counts.unchanged,
            "known": plan.counts.known,
            "resting": plan.counts.given_up,
        }
        if not stopped and not run.counts["unsent"]:
            deliveries.unfinished.ended()
        run.status = "stopped" if stopped else "failed" if failure else "done"
        run.reason = failure or not_sent
        deliveries.record(run)
    return Report(run, failure, dict(sending.reasons.most_common(5)), not_sent, sending.not_read)


def _not_sent(plan: Plan) -> str:
    if plan.as_of is None or not plan.counts.contacts:
        return "not sent: the mart has no contacts of this CRM yet; the next nightly run sends"
    return f"not sent: the mart is of {plan.as_of}, {plan.age} days old; the next nightly run sends"


def settle(deliveries: Deliveries, destination: Destination) -> None:
    """Finish what an earlier sync left open, before anything is planned.

    Work that the CRM still does for it is ended or awaited, so that no older value can arrive after a newer
    one; then its journal goes into the lake.
    """
    for handle in deliveries.unsettled():
        destination.settle(handle)
        deliveries.ended([handle])
    deliveries.fold()


def _discreet(text: str, batch: Sequence[Change]) -> str:
    """What a CRM says of a whole batch, for each of its records: without the one that it may quote."""
    for change in batch:
        if len(change.contact_id) > 3:
            text = text.replace(change.contact_id, "…")
    return _ADDRESS.sub("…", text)


class _Sending:
    """The state of one sync."""

    def __init__(
        self,
        mapping: CrmMapping,
        destination: Destination,
        deliveries: Deliveries,
        run: SyncRun,
        progress: Callable[[str], None],
    ) -> None:
        self._mapping, self._destination, self._deliveries = mapping, destination, deliveries
        self._run, self._progress = run, progress
        self._guarded = [field.field for field in mapping.fields if field.ours_unless_edited]
        self._confirmed: dict[str, Change] = {}
        self._problems: list[str] = []
        self.not_read = False
        self.fates: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()

    @property
    def failure(self) -> str | None:
        """Why the sync failed, in counts and names of fields: what a CRM says of a record may quote it."""
        problems = list(self._problems)
        for fate in ("refused", "given_up", "failed"):
            if self.fates[fate]:
                problems.append(f"{self.fates[fate]:,} records {fate.replace('_', ' ')}")
        return "; ".join(problems) or None

    def interrupted(self, error: BaseException) -> None:
        """Note that it did not come to its end."""
        self._problems.append(f"interrupted: {type(error).__name__}")

    def all(self, changes: Sequence[Change]) -> None:
        batches, silent, sent = self._batches(changes), 0, 0
        for number, batch in enumerate(batches):
            self._progress(f"{sent:,} of {len(changes):,} records")
            sent += len(batch)
            try:
                self._batch(batch)
                silent = 0
            except UnansweredError as error:
                silent += 1
                if silent >= SILENT_BATCHES or number + 1 == len(batches):
                    self._problems.append(f"no answer: {error}")
                    return
            except DestinationError as error:
                self._problems.append(str(error))
                return

    def _batches(self, changes: Sequence[Change]) -> list[Sequence[Change]]:
        """Privacy in batches of its own: nothing that is asked about other records can hold it up."""
        first = sum(change.privacy for change in changes)  # they stand first
        size = self._destination.at_once
        bounds = [*range(0, first, size), *range(first, len(changes), size), len(changes)]
        return [changes[start:end] for start, end in pairwise(bounds)]

    def _batch(self, batch: Sequence[Change]) -> None:
        left_alone, batch = self._leave_edited(batch)
        unreachable, batch = self._without_a_place(batch)
        self._deliveries.intend(self._run, batch, left_alone)
        writable = self._destination.writable
        records = [
            Record(
                change.contact_id,
                {k: v for k, v in change.values.items() if writable is None or k in writable},
            )
            for change in batch
        ]
        outcomes: list[Outcome] = []
        try:
            outcomes += self._send(records, privacy=bool(batch) and batch[0].privacy)
        except (UnansweredError, DestinationError) as error:
            error.args = (_discreet(str(error), batch),)
            outcomes += error.outcomes
            said = {outcome.contact_id for outcome in outcomes}
            rest = [record for record in records if record.contact_id not in said]
            self._answer(batch, [*outcomes, *(Outcome(r.contact_id, "failed", str(error)) for r in rest)])
            raise
        # What could be emptied is; the record is not done with as long as the rest stands.
        self._answer(batch, [unreachable.get(outcome.contact_id, outcome) for outcome in outcomes])

    def _send(self, records: Sequence[Record], *, privacy: bool) -> list[Outcome]:
        """Send; a field that the CRM does not have and that is only to be emptied is empty already.

        For privacy the fields that are there go whatever is to be said of others. Where people took over all
        that a record would be sent, there is nothing to ask the CRM for.
        """
        while True:
            nothing = [Outcome(record.contact_id, "confirmed") for record in records if not record.values]
            something = [record for record in records if record.values]
            try:
                sent = self._destination.send(something, self._deliveries) if something else []
                return [*nothing, *sent]
            except MissingFieldError as error:
                if all(error.field not in record.values for record in something):
                    raise
                if any(record.values.get(error.field) is not None for record in something):
                    if not privacy:
                        raise
                    self._problems.append(str(error))
                records = [
                    Record(r.contact_id, {k: v for k, v in r.values.items() if k != error.field})
                    for r in records
                ]

    def _without_a_place(self, batch: Sequence[Change]) -> tuple[dict[str, Outcome], list[Change]]:
        """Fields that were written once, and that the mapping's request has no place for any more.

        They keep what the books say of them. A privacy emptying that cannot reach them is refused.
        """
        writable = self._destination.writable
        if writable is None:
            return {}, list(batch)
        refused, kept = {}, []
        for change in batch:
            out = sorted(set(change.values) - writable)
            if out and change.privacy:
                why = f"the mapping's request has no place for {out[0]}, which holds a value: put it back"
                refused[change.contact_id] = Outcome(change.contact_id, "refused", why)
            values = {**change.values, **({} if change.privacy else {n: change.before.get(n) for n in out})}
            kept.append(replace(change, values=values))
        return refused, kept

    def _answer(self, batch: Sequence[Change], outcomes: Sequence[Outcome]) -> None:
        said = {outcome.contact_id: outcome for outcome in outcomes}
        answers = []
        for change in batch:
            outcome = said.get(change.contact_id)
            if outcome is None:
                outcome = Outcome(change.contact_id, "failed", "the CRM's answer does not mention the record")
            status: str = outcome.fate
            if status == "confirmed":
                self._confirmed[change.contact_id] = change
                status = "emptied" if change.action == "empty" else "confirmed"
            elif outcome.absent and change.action == "empty":
                status = "emptied"  # a record that is not there holds nothing
            elif status == "refused" and change.refusals + 1 >= GIVE_UP_AFTER and not change.privacy:
                status = "given_up"
            if outcome.message and outcome.fate != "confirmed":
                self.reasons[outcome.message] += 1
            self.fates[status] += 1
            answers.append(Answer(change.contact_id, status, outcome.message))
        self._deliveries.answer(answers)

    def _leave_edited(self, batch: Sequence[Change]) -> tuple[dict[str, list[str]], list[Change]]:
        """The batch without the fields that the CRM's people have taken over, and these fields by contact."""
        if not self._guarded or batch[0].privacy:  # a privacy emptying asks nobody
            return {}, list(batch)
        found = self._destination.read([change.contact_id for change in batch], self._guarded)
        if found is None:
            raise DestinationError(
                f"the mapping leaves {', '.join(self._guarded)} to the CRM's people where they edited them, "
                "and this CRM cannot be read back: say how (`read`), or drop ours_unless_edited"
            )
        left: dict[str, list[str]] = {}
        kept: list[Change] = []
        for change in batch:
            there = found.get(change.contact_id, {})
            edited = [name for name in self._guarded if self._edited(name, there.get(name), change)]
            if edited:
                left[change.contact_id] = edited
            values: dict[str, Value] = {k: v for k, v in change.values.items() if k not in edited}
            kept.append(replace(change, values=values))
        return left, kept

    def _edited(self, name: str, there: Value, change: Change) -> bool:
        """Whether somebody else wrote the field: it holds something, and not what we wrote last.

        Where the outcome of the last write is not known, what was to be written counts as ours as well.
        """
        if is_empty(there) or (change.before.get(name) is None and is_default(there)):
            return False
        ours: list[Values] = [change.before, change.values, *change.unanswered]
        return all(differences({name: own.get(name)}, {name: there}) for own in ours)

    def read_back(self, count: int) -> None:
        """Read a sample of what was confirmed; what did not arrive is not confirmed after all."""
        written = {one: change.values for one, change in self._confirmed.items() if change.values}
        left = [one for one, change in self._confirmed.items() if change.privacy] if count else []
        # Of those who leave every one: they are few, and a score that stays is theirs to complain about.
        chosen = sorted({*sample(written, count, self._run.run_id), *left[:_MOST_LEFT]})
        if not chosen:
            return
        writable = self._destination.writable
        names = [name for name in self._mapping.names if writable is None or name in writable]
        try:
            found = self._destination.read(chosen, names)
        except (UnansweredError, DestinationError) as error:
            self._problems.append(f"what was written could not be read back: {error}")
            # They are sent and looked at again, until somebody could look.
            self._revoke(chosen, f"could not be read back: {error}")
            return
        if found is None:
            self.not_read = True
            return
        missing: Counter[str] = Counter()
        touched: set[str] = set()
        for contact_id in chosen:
            sent = {name: value for name, value in written[contact_id].items() if name in names}
            different = differences(sent, found.get(contact_id, {}))
            missing.update(different)
            touched |= {self._confirmed[contact_id].action} if different else set()
        if not missing:
            return
        named = ", ".join(f"{name} ({count} of {len(chosen)})" for name, count in missing.most_common())
        message = f"did not arrive, though the CRM confirmed it: {named}"
        self._problems.append(f"{message}. Does the field exist there, and may this account write it?")
        # The sample stands for all of its kind: nothing of it is known to have arrived whole.
        kinds = {"empty"} if touched == {"empty"} else {"empty", "send"}
        self._revoke([one for one, change in self._confirmed.items() if change.action in kinds], message)

    def _revoke(self, contact_ids: Sequence[str], message: str) -> None:
        """Take back what counted as confirmed."""
        self.fates["failed"] += len(contact_ids)
        for contact_id in contact_ids:
            self.fates["emptied" if self._confirmed[contact_id].action == "empty" else "confirmed"] -= 1
        self.reasons[message] += len(contact_ids)
        self._deliveries.answer([Answer(contact_id, "failed", message) for contact_id in contact_ids])
