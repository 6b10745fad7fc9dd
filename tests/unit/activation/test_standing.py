"""What past days come to says what all of them said, as long as they are what they were."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from orchestration.activation.deliveries import Deliveries, forget
from orchestration.activation.standing import FILE, Standing
from spark_jobs.arrow_schemas import arrow_schema
from spark_jobs.lake import Lake

FIRST = date(2026, 2, 1)
CRM = "mycrm"


def write(lake: Lake, day: date, rows: list[dict[str, Any]]) -> None:
    schema = arrow_schema("deliveries")
    table = pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema)
    lake.write_arrow("deliveries", day, table, "test")


def history(lake: Lake, days: int) -> None:
    chance = random.Random(3)  # noqa: S311
    statuses = ("confirmed", "confirmed", "emptied", "refused", "failed", "sent")
    unsure = False
    for number in range(days):
        day = FIRST + timedelta(days=number)
        rows = []
        for contact in range(30):
            status = chance.choice(statuses)
            unsure = chance.random() < 0.3
            rows.append(
                {
                    "crm": CRM if contact % 5 else "another",
                    "run_id": f"run{number}",
                    "contact_id": str(contact),
                    "person_id": f"p{contact}",
                    "sequence": contact,
                    "action": "send",
                    "status": status,
                    "sent_values": json.dumps({"score": chance.choice([40.0, 50.0, 60.0])}),
                    "causes": ["score", *(["outcome unknown"] if unsure else [])],
                    "left_alone": [],
                    "refusals": chance.randrange(3),
                    "as_of": day - timedelta(days=1),
                    "attempted_at": datetime(day.year, day.month, day.day, 3, 0, contact, tzinfo=UTC),
                }
            )
        write(lake, day, rows)


def test_the_file_says_what_the_days_say_and_a_changed_day_makes_it_void(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    history(lake, 8)
    whole = Deliveries(str(tmp_path), CRM).known()
    assert len(whole) == 24
    for until in (3, 6, 8):  # again and again, each time on top of the file before
        Standing(str(tmp_path), CRM).renew(FIRST + timedelta(days=until))
        found = Deliveries(str(tmp_path), CRM)
        assert found.known() == whole
        assert found.through() == FIRST + timedelta(days=6)
    read = []
    reading = Standing(str(tmp_path), CRM)
    reading._lake.read_arrow = lambda *given: read.append(given)  # type: ignore[method-assign, assignment]
    assert reading.rows() is not None
    assert read == [], "no past day is read"
    lake.write_arrow("deliveries", FIRST, arrow_schema("deliveries").empty_table(), "test")
    for number in range(1, 8):
        lake.write_arrow(
            "deliveries", FIRST + timedelta(days=number), arrow_schema("deliveries").empty_table(), "test"
        )
    assert Deliveries(str(tmp_path), CRM).known() == {}


def test_what_an_erasure_forgets_is_in_no_file(tmp_path: Path) -> None:
    history(Lake(str(tmp_path)), 3)
    Standing(str(tmp_path), CRM).renew(FIRST + timedelta(days=3))
    file = tmp_path / "activation" / CRM / FILE
    assert file.exists()
    forget(str(tmp_path), [(CRM, "1")], "erasure")
    assert not file.exists()
