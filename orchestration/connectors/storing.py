"""An answer as it may be stored: its texts reduced to what topics are read from, and what is private gone."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from orchestration.connectors.answers import Answer, Unreadable


def storable(
    answer: Answer,
    reduce: Callable[[str], str],
    *,
    texts: Collection[str],
    dropped: Collection[str] = (),
    private: Callable[[dict[str, Any]], bool] = lambda _: False,
) -> Answer:
    """The answer with what is called one of `texts` reduced, texts and lists of them, and without `dropped`.

    Objects that are `private` are taken out wherever they stand. A body that is no JSON is not stored at all:
    nobody could tell what in it is text.
    """
    try:
        body = answer.json()
        _cleaned(body, reduce, frozenset(texts), frozenset(dropped), private)
        if isinstance(body, dict) and private(body):
            body = None
        return replace(answer, body=json.dumps(body, allow_nan=False, separators=(",", ":")))
    except (Unreadable, RecursionError, ValueError):
        return replace(answer, body="")


def _cleaned(
    body: Any,
    reduce: Callable[[str], str],
    texts: frozenset[str],
    dropped: frozenset[str],
    private: Callable[[dict[str, Any]], bool],
) -> None:
    """Clean in place. A stack, because bodies may be nested deeper than calls can be."""
    todo = [body]
    while todo:
        at = todo.pop()
        if isinstance(at, list):
            at[:] = [_number(value) for value in at if not (isinstance(value, dict) and private(value))]
            todo.extend(value for value in at if isinstance(value, list | dict))
        elif isinstance(at, dict):
            for key in list(at):
                value = at[key]
                if key in dropped:
                    del at[key]
                elif isinstance(value, dict) and private(value):
                    at[key] = None
                elif key in texts and isinstance(value, str):
                    at[key] = reduce(value)
                elif key in texts and isinstance(value, list):
                    at[key] = [reduce(part) if isinstance(part, str) else _number(part) for part in value]
                    todo.append(at[key])
                else:
                    at[key] = _number(value)
                    if isinstance(value, list | dict):
                        todo.append(value)


def _number(value: Any) -> Any:
    """JSON knows no infinity, but 1e999 is read as one."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
