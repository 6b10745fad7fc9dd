"""`stature privacy`: what people ask for about their own data, and what is held on them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from orchestration.commands.warehouse import CommandError
from orchestration.privacy.asking import Subject, ask, find_subject, is_held
from orchestration.privacy.held import report_on
from orchestration.privacy.page import as_html, as_json
from orchestration.settings import Settings
from spark_jobs.lake import Lake

WHAT_FOLLOWS = {
    "opt_out": "no score from then on, and no row in any mart, leaderboard, export or CRM field",
    "erase": "all that is held on the person is deleted, and does not come back when others mention them",
    "object": "no score until the objection is answered (stature privacy opt-in)",
    "opt_in": "what was asked before is taken back; who was erased begins anew",
}


def request(settings: Settings, who: str, what: str) -> tuple[Subject, str, bool]:
    """Write a request down; whom it is about, what follows from it, and whether anything is held on them."""
    lake = Lake(settings.home)
    if lake.first_day() is None:
        raise CommandError(f"Nothing was ever run in {settings.home}, so nothing is held on anybody.")
    subject = find_subject(lake, who)
    ask(settings.home, subject, what, datetime.now(UTC))
    return subject, WHAT_FOLLOWS[what], is_held(lake, subject)


def report(settings: Settings, who: str, out: Path, say: Callable[[str], None]) -> tuple[list[Path], int]:
    """Write all that is held on a person as HTML and JSON; the files, and how many rows they tell of."""
    if not out.parent.is_dir():
        raise CommandError(f"The folder {out.parent} does not exist.")
    lake = Lake(settings.home)
    found = report_on(settings, lake, find_subject(lake, who), say)
    files = []
    for ending, write in ((".html", as_html), (".json", as_json)):
        path = out.with_suffix(ending)
        # Whole or not at all, and for the owner's eyes alone: it is everything about somebody.
        temporary = path.with_name(f".{path.name}.part")
        temporary.touch(mode=0o600)
        temporary.write_text(write(found), encoding="utf-8")
        temporary.replace(path)
        files.append(path)
    return files, found.rows
