"""Checks of one table over many days: what is measured, what is judged, and within which limits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

import duckdb

from orchestration.quality.measure import (
    PUBLISHED_COLUMNS,
    Rule,
    Table,
    count_where,
    quoted,
    repeated_keys,
    wrong_columns,
)
from spark_jobs.contracts import Dataset, Field


@dataclass(frozen=True, slots=True)
class Check:
    """A check of every day: the judged number lies between the limits. `says` is the rule in words."""

    name: str
    says: str
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """One day's numbers for a check. `judged` is None where the day cannot fail it, `detail` says why then.

    `observed` is what is kept as history; `judged` is what the limits hold for, often `observed` put in
    relation to the days before.
    """

    observed: float | None
    judged: float | None
    detail: str | None = None


@dataclass(slots=True)
class Panel:
    """The checks of a table, with a reading a day where there is one."""

    table: str
    checks: dict[str, Check] = field(default_factory=dict)
    readings: dict[tuple[str, date], Reading] = field(default_factory=dict)

    def add(self, check: Check, day: date, reading: Reading) -> None:
        self.checks[check.name] = check
        self.readings[check.name, day] = reading


NONE_MAY = {"maximum": 0.0}


def contract_panel(con: duckdb.DuckDBPyConnection, table: Table, days: Iterable[date]) -> Panel:
    """The checks that the table's contract asks for: columns, nulls, value sets, ranges, keys."""
    panel = Panel(table.name)
    rules = contract_rules(table)
    broken = count_where(con, table, rules)
    repeated = repeated_keys(con, table)
    wrong = wrong_columns(con, table)
    key = ", ".join(name for name in table.dataset.key if name not in PUBLISHED_COLUMNS)
    for day in days:
        missing = wrong.get(day, [])
        columns = Check("columns", "The files have the contract's columns and types.", **NONE_MAY)
        panel.add(columns, day, _counted(len(missing), ", ".join(missing)))
        unique = Check("unique", f"No two rows have the same {key}.", **NONE_MAY)
        panel.add(unique, day, _counted(repeated.get(day, 0)))
        counts = broken.get(day, {})
        for rule in rules:
            panel.add(Check(rule.name, rule.says, **NONE_MAY), day, _counted(counts.get(rule.name, 0)))
    return panel


def contract_rules(table: Table) -> list[Rule]:
    """What the contract forbids a row, as SQL conditions."""
    rules = []
    for column in table.fields:
        name = quoted(column.name)
        if column.required:
            rules.append(Rule(f"not_null.{column.name}", f"{name} IS NULL", f"{column.name} is there."))
        if column.enum:
            values = ", ".join("'" + value.replace("'", "''") + "'" for value in column.enum)
            says = f"{column.name} is one of {', '.join(column.enum)}."
            rules.append(Rule(f"in_set.{column.name}", f"{name} NOT IN ({values})", says))
        condition, says = _outside(column)
        if condition:
            rules.append(Rule(f"range.{column.name}", condition, says))
    if table.dataset.required_groups:
        rules.append(_groups(table.dataset))
    return rules


def optional_fields(dataset: Dataset) -> list[Field]:
    """The columns of an input that a delivery may leave empty."""
    return [f for f in dataset.input_fields if not f.required]


def _outside(column: Field) -> tuple[str, str]:
    """The condition that a number lies outside its range, and the range in words; empty for no range."""
    name = quoted(column.name)
    conditions = [] if column.type != "double" else [f"NOT isfinite({name})"]
    if column.minimum is not None:
        conditions.append(f"{name} < {column.minimum}")
    if column.maximum is not None:
        conditions.append(f"{name} > {column.maximum}")
    if column.minimum is not None and column.maximum is not None:
        says = f"{column.name} lies between {column.minimum:g} and {column.maximum:g}."
    elif column.minimum is not None:
        says = f"{column.name} is at least {column.minimum:g}."
    elif column.maximum is not None:
        says = f"{column.name} is at most {column.maximum:g}."
    else:
        says = f"{column.name} is a finite number."
    return " OR ".join(conditions), says


def _groups(dataset: Dataset) -> Rule:
    groups = [
        "(" + " AND ".join(f"{quoted(c)} IS NOT NULL" for c in g) + ")" for g in dataset.required_groups
    ]
    says = "Either " + ", or ".join(" and ".join(group) for group in dataset.required_groups) + " are there."
    return Rule("required_group", f"NOT ({' OR '.join(groups)})", says)


def _counted(count: float, detail: str | None = None) -> Reading:
    return Reading(float(count), float(count), detail or None)
