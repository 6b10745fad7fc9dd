"""Where a list stands after one of its pages: a paginator moved on, and its state in plain values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dlt.common import jsonpath
from dlt.sources.helpers.rest_client.detector import find_response_page_data
from dlt.sources.helpers.rest_client.paginators import BasePaginator

from orchestration.connectors.exchange import Reply

LAST_PAGE = "last_page"
"""In `about`: the service says that its list ends with this page."""

GOES_ON = "_says_how_it_goes_on"
"""In a state: whether the page said how the list goes on."""

_HAS_NEXT = "_has_next_page"


def turn(paging: BasePaginator, reply: Reply, items: str | None) -> dict[str, Any]:
    """Move the paginator on; its state. A page that does not say how the list goes on is its last."""
    told = True
    try:
        body = json.loads(reply.body)
        if items:
            found = jsonpath.find_values(items, body)
            data = found[0] if len(found) == 1 and isinstance(found[0], list) else found
        else:
            _, data = find_response_page_data(body)
        paging.update_state(reply.as_response(), data if isinstance(data, list) else [data])
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        told = False
        vars(paging)[_HAS_NEXT] = False
    plain = {k: v for k, v in vars(paging).items() if isinstance(v, str | int | float | bool | None)}
    return {**plain, GOES_ON: told}


def says_the_end(state: Mapping[str, Any]) -> bool:
    """Whether the page said that nothing follows it."""
    return state.get(_HAS_NEXT) is False and bool(state.get(GOES_ON))
