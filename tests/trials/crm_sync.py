"""What a sync of many contacts costs: `python -m tests.trials.crm_sync [--contacts 100000]`.

Plans and applies from a published warehouse made here, with each CRM's own server of the tests answering on
this machine, so that the seconds are ours and that server's. Prints a Markdown table; part of `make bench`.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from orchestration.activation.sync import plan_crm, sync_crm
from tests.fixtures.contact_scores import DAY, publish
from tests.fixtures.crm_harness import KINDS, harness


def lines(contacts: int) -> Iterator[str]:
    """A Markdown row a CRM: seconds to plan and to apply a first sync, its calls, and the next day's plan."""
    for kind in KINDS:
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
            writes = sum(n for call, n in crm.server.calls.items() if "update" in call or "ingest" in call)
            moved = [score + (2 if chance.random() < 0.01 else 0.3) for score in scores]
            publish(Path(folder), [{**crm.row(n, score), "crm": kind} for n, score in enumerate(moved)])
            started = time.perf_counter()
            quiet = plan_crm(crm.settings, kind, DAY).plan
            again = time.perf_counter() - started
            yield (
                f"| {kind} | {planned:.1f} | {applied:.1f} | {writes:,} | {report.run.calls:,} "
                f"| {again:.1f} | {len(quiet.changes):,} |"
            )


HEAD = "| CRM | plan, s | plan and apply, s | calls that write | all calls | next day's plan, s | it sends |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=100_000)
    contacts = parser.parse_args().contacts
    for line in [f"{contacts:,} contacts", "", HEAD, "|---|---|---|---|---|---|---|"]:
        print(line)  # noqa: T201
    for line in lines(contacts):
        print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
