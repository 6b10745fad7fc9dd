"""What a sync of many contacts costs: `python -m tests.trials.crm_sync [--contacts 100000]`.

Plans and applies from a published warehouse made here, with each CRM's own server of the tests answering on
this machine, so that the seconds are ours and that server's. Prints a Markdown table; part of `make bench`.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from orchestration.activation.sync import plan_crm, sync_crm
from tests.fixtures.contact_scores import DAY, publish
from tests.fixtures.crm_harness import KINDS, harness

# Salesforce is asked after a job at the job's own address.
_IS_POLL = re.compile(r"^GET .*/jobs/ingest/\w+/?$")


def lines(contacts: int, kinds: Sequence[str]) -> Iterator[str]:
    """A Markdown row a CRM: seconds to plan and to apply a first sync, its calls, and the next day's plan."""
    for kind in kinds:
        chance = random.Random(1)  # noqa: S311
        with tempfile.TemporaryDirectory() as folder, harness(kind, Path(folder), count=contacts) as crm:
            scores = [chance.uniform(1, 100) for _ in range(contacts)]
            publish(Path(folder), [{**crm.row(n, score), "crm": kind} for n, score in enumerate(scores)])
            started = time.perf_counter()
            plan = plan_crm(crm.settings, kind, DAY).plan
            planned = time.perf_counter() - started
            assert len(plan.changes) == contacts
            started = time.perf_counter()
            report = sync_crm(crm.settings, kind, "run1", today=DAY, wait=lambda seconds: None)
            applied = time.perf_counter() - started
            assert report.failure is None, report.failure
            calls = crm.server.calls
            writes = sum(n for call, n in calls.items() if "update" in call or call.endswith("/batches"))
            polls = sum(n for call, n in calls.items() if "job_statuses" in call or _IS_POLL.search(call))
            moved = [score + (2 if chance.random() < 0.01 else 0.3) for score in scores]
            publish(Path(folder), [{**crm.row(n, score), "crm": kind} for n, score in enumerate(moved)])
            started = time.perf_counter()
            quiet = plan_crm(crm.settings, kind, DAY).plan
            again = time.perf_counter() - started
            yield (
                f"| {kind} | {planned:.1f} | {applied:.1f} | {writes:,} | {polls:,} | {report.run.calls:,} "
                f"| {again:.1f} | {len(quiet.changes):,} |"
            )


HEAD = "| CRM | plan, s | plan and apply, s | calls that write | polls | all calls | next plan, s | sends |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--crm", choices=KINDS, action="append", help="Only these.")
    given = parser.parse_args()
    contacts = given.contacts
    for line in [f"{contacts:,} contacts", "", HEAD, "|---|---|---|---|---|---|---|---|"]:
        print(line)  # noqa: T201
    for line in lines(contacts, given.crm or KINDS):
        print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
