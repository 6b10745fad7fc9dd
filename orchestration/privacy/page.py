"""What is held on a person as JSON, and as one HTML page that needs nothing else and runs nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from html import escape
from typing import Any

from orchestration.privacy.held import Account, Held, PersonReport

_SHOWN = 100
_ASKED = {
    "opt_out": "opted out: no score, and shown nowhere",
    "object": "objected: scoring is suspended until it is answered",
    "erase": "erased",
    "opt_in": "opted in",
}
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1d2433;background:#f6f7f9;margin:0}
main{max-width:72rem;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font-size:1.7rem;margin:0 0 .25rem}h2{font-size:1.1rem;margin:0;overflow-wrap:anywhere}
p{margin:.35rem 0;max-width:46rem}.quiet{color:#5a6478}
section{background:#fff;border:1px solid #dfe3ea;border-radius:8px;padding:1rem 1.25rem;margin:1rem 0}
.rows{overflow-x:auto;margin-top:.75rem}table{border-collapse:collapse;font-size:.85rem}
th,td{text-align:left;vertical-align:top;padding:.3rem .7rem .3rem 0;border-bottom:1px solid #e8ebf0}
th{color:#5a6478;font-weight:600;white-space:nowrap}td{max-width:24rem;overflow-wrap:anywhere}
summary{cursor:pointer}
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
        nothing,
        *[_section(held) for held in sorted(report.held, key=_importance)],
        _not_searched(report.not_searched),
        "</main></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _importance(held: Held) -> tuple[int, str]:
    """What others can see comes first, what only the machine reads last."""
    order = ("published", "lake", "pending", "watch list", "mapped", "raw")
    return order.index(held.place.partition("/")[0]), held.place


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
    head = "".join(_heading(name, held.columns) for name in names)
    body = "".join(f"<tr>{''.join(_cell(row.get(name)) for name in names)}</tr>" for row in shown)
    counted = f"{len(held.rows):,} row{'' if len(held.rows) == 1 else 's'}"
    return (
        f"<section><h2>{escape(held.place)}</h2><p>{escape(held.why)}{more}</p>"
        f"<details{' open' if held.place.startswith('published') else ''}>"
        f"<summary class=quiet>{counted}</summary>"
        f"<div class=rows><table><tr>{head}</tr>{body}</table></div></details></section>"
    )


def _heading(name: str, columns: Mapping[str, str]) -> str:
    title = f' title="{escape(columns[name], quote=True)}"' if name in columns else ""
    return f"<th{title}>{escape(name)}</th>"


def _cell(value: Any) -> str:
    if value is None:
        return "<td></td>"
    if isinstance(value, list | tuple):
        value = ", ".join(str(item) for item in value)
    return f"<td>{escape(f'{value:.6g}' if isinstance(value, float) else str(value))}</td>"


def _not_searched(files: Iterable[str]) -> str:
    listed = "".join(f"<li>{escape(file)}</li>" for file in files)
    if not listed:
        return ""
    return f"<section><h2>Files that could not be read, and may hold more</h2><ul>{listed}</ul></section>"
