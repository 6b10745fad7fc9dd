"""What is held on a person as JSON, and as one HTML page that needs nothing else and runs nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date, datetime
from html import escape
from typing import Any

from orchestration.privacy.held import Account, Held, PersonReport

_SHOWN = 100
_LONG = 40
_ASKED = {
    "opt_out": "opted out: no score, and shown nowhere",
    "object": "objected: scoring is suspended until it is answered",
    "erase": "erased",
    "opt_in": "opted in",
}
# The parts of a home, by how a place's name begins, in the order in which a reader wants them: what it is,
# and how long it stays.
_AREAS = (
    ("published", "What others are shown: the score, what it is made of, and what is said of the contact.",
     "The newest days' marts; made anew by every run."),
    ("lake/deliveries", "What was sent to the company's CRMs.", "Until it is erased."),
    ("lake", "What the score is made of, and every score published so far.", "Until it is erased."),
    ("pending", "Scores of the newest day, before they are checked.", "Until the next run."),
    ("watch list", "Accounts that somebody asked to be pulled from their network.", "Until it is removed."),
    ("mapped", "What was read from a network's answers.", "Until it is erased."),
    ("raw", "What networks, CRMs and files delivered, unchanged, so that every number can be made again.",
     "Until it is erased."),
)  # fmt: skip
_FIRST = ("published/bi.score_latest", "published/crm.contact_score", "published/bi.score_parts")
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1d2433;background:#f6f7f9;margin:0}
main{max-width:72rem;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font-size:1.7rem;margin:0 0 .25rem}h2{font-size:1.1rem;margin:0;overflow-wrap:anywhere}
p{margin:.35rem 0;max-width:46rem}.quiet{color:#5a6478}
section{background:#fff;border:1px solid #dfe3ea;border-radius:8px;padding:1rem 1.25rem;margin:1rem 0}
.rows{overflow-x:auto;margin-top:.75rem}table{border-collapse:collapse;font-size:.85rem}
th,td{text-align:left;vertical-align:top;padding:.3rem .7rem .3rem 0;border-bottom:1px solid #e8ebf0}
th{color:#5a6478;font-weight:600;white-space:nowrap}td{max-width:24rem;overflow-wrap:break-word}
.day{white-space:nowrap}.long{min-width:18rem;overflow-wrap:anywhere}summary{cursor:pointer}
"""


def as_json(report: PersonReport) -> str:
    """The whole report, every row of it."""
    return json.dumps(asdict(report) | {"rows": report.rows}, indent=1, default=str, ensure_ascii=False)


def as_html(report: PersonReport) -> str:
    """The report to read; of a long table the newest rows, for the JSON has them all. All text is escaped."""
    nothing = "" if report.held else "<section><p>No row of any table speaks of this person.</p></section>"
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        '<meta name=viewport content="width=device-width,initial-scale=1">',
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>What is held on {escape(report.asked_for)}</title><style>{_STYLE}</style><main>",
        f"<h1>What is held on {escape(report.asked_for)}</h1>",
        f"<p class=quiet>{report.rows:,} rows in {len(report.held)} places,"
        f" {report.made_at:%Y-%m-%d %H:%M} UTC.</p>",
        "<p>Stature measures attention: who reacted to whom, and how much that counts. The score measures"
        " attention, not approval and not worth. You may opt out, object, or have all of this erased; it"
        " takes effect in the next daily run. Ids of other people are left out.</p>",
        _who(report),
        nothing or _overview(report),
        *[_section(held) for held in sorted(report.held, key=_importance)],
        _not_searched(report.not_searched),
        "</main></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _area(held: Held) -> int:
    """Which of the areas a place belongs to."""
    return next(n for n, (name, *_) in enumerate(_AREAS) if held.place.startswith(name))


def _importance(held: Held) -> tuple[int, int, str]:
    """What others can see comes first, what only the machine reads last."""
    first = _FIRST.index(held.place) if held.place in _FIRST else len(_FIRST)
    return _area(held), first, held.place


def _overview(report: PersonReport) -> str:
    """What there is in all, in words: what for, how long, where it came from and who was sent it."""
    rows = ["<tr><th>what</th><th>how long</th><th>rows</th></tr>"]
    for number, (_, what, how_long) in enumerate(_AREAS):
        if of_area := [held for held in report.held if _area(held) == number]:
            count = sum(len(held.rows) for held in of_area)
            rows.append(f"<tr><td>{escape(what)}</td><td>{escape(how_long)}</td><td>{count:,}</td></tr>")
    places = [held.place.split("/") for held in report.held]
    sources = sorted({parts[1] for parts in places if parts[0] in ("raw", "mapped")})
    sent = [row for held in report.held if held.place == "lake/deliveries" for row in held.rows]
    said = {
        "It came from": ", ".join(sources),
        "It was sent to": ", ".join(sorted({str(row["crm"]) for row in sent})) or "no CRM",
        "Legal basis, as the CRM has it": ", ".join(_values(report, "legal_basis")) or "none is stated",
    }
    lines = "".join(f"<p>{escape(name)}: {escape(value)}.</p>" for name, value in said.items() if value)
    return f"<section><h2>In short</h2>{lines}<div class=rows><table>{''.join(rows)}</table></div></section>"


def _values(report: PersonReport, column: str) -> list[str]:
    """What the CRM's contacts say in a column."""
    contacts = [row for held in report.held if held.place == "lake/crm_contacts" for row in held.rows]
    return sorted({str(row[column]) for row in contacts if row.get(column) is not None})


def _who(report: PersonReport) -> str:
    rows = [
        *[_known("Account", account) for account in report.accounts],
        *[_known("Contact", contact) for contact in report.contacts],
        *[("Handle", handle, "") for handle in report.handles],
        *[("Person", person, "") for person in report.people],
    ]
    cells = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<section><h2>Who this is about</h2><div class=rows><table>{cells}</table></div></section>"


def _known(kind: str, account: Account) -> tuple[str, str, str]:
    said = _ASKED.get(account.in_force or "", "")
    return kind, account.name, f"{said} from {account.erased_from}" if account.erased_from else said


def _section(held: Held) -> str:
    names = list(dict.fromkeys(name for row in held.rows for name in row))
    shown = held.rows[-_SHOWN:]
    more = f" The last {len(shown):,} are shown." if len(shown) < len(held.rows) else ""
    if len(held.rows) == 1:  # one row is read downwards, with what each value means
        head, row = "", held.rows[0]
        body = "".join(
            f"<tr><th>{escape(name)}</th>{_cell(row.get(name))}{_cell(held.columns.get(name))}</tr>"
            for name in names
        )
    else:
        head = f"<tr>{''.join(_heading(name, held.columns) for name in names)}</tr>"
        body = "".join(f"<tr>{''.join(_cell(row.get(name)) for name in names)}</tr>" for row in shown)
    counted = f"{len(held.rows):,} row{'' if len(held.rows) == 1 else 's'}"
    return (
        f"<section><h2>{escape(held.place)}</h2><p>{escape(held.why)}{more}</p>"
        f"<details{' open' if held.place.startswith('published') else ''}>"
        f"<summary class=quiet>{counted}</summary>"
        f"<div class=rows><table>{head}{body}</table></div></details></section>"
    )


def _heading(name: str, columns: Mapping[str, str]) -> str:
    title = f' title="{escape(columns[name], quote=True)}"' if name in columns else ""
    return f"<th{title}>{escape(name)}</th>"


def _cell(value: Any) -> str:
    if value is None:
        return "<td></td>"
    if isinstance(value, datetime):
        return f"<td class=day>{value:%Y-%m-%d %H:%M:%S}</td>"
    if isinstance(value, date):
        return f"<td class=day>{value}</td>"
    if isinstance(value, list | tuple):
        value = ", ".join(str(item) for item in value)
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return f"<td{' class=long' if len(text) > _LONG else ''}>{escape(text)}</td>"


def _not_searched(files: Iterable[str]) -> str:
    listed = "".join(f"<li>{escape(file)}</li>" for file in files)
    if not listed:
        return ""
    return f"<section><h2>Files that could not be read, and may hold more</h2><ul>{listed}</ul></section>"
