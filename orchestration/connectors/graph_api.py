"""Meta's Graph API, which Facebook and Instagram share: credentials, paging, errors and common fields.

The token goes in a header. The service writes it into the addresses of next pages all the same: these are
never followed or kept, only what they say besides is sent again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from dlt.sources.helpers.rest_client.paginators import BasePaginator
from requests import Request, Response

from orchestration.connectors.answers import Answer, Unreadable
from orchestration.connectors.client import Client, ConnectorError
from orchestration.connectors.fields import Node, text
from orchestration.connectors.network import Asked, Credentials
from orchestration.connectors.storing import storable
from orchestration.settings import Settings

PAGE = 100
"""Items asked for at once; the service may give fewer."""

_CODE = re.compile(r'"code"\s*:\s*(\d{1,9})\b')
_VAGUE = frozenset({400, 403})
_TOKEN_REFUSED = frozenset({102, 190, 463, 467})
_TOO_MANY = frozenset({4, 17, 32, 613, 80001, 80002, 80006})
_TEXTS = frozenset({"message", "story", "caption", "text", "biography", "about", "description", "title"})
# Addresses of pictures and pages carry tokens of their own.
_NEVER_KEPT = frozenset(
    {"access_token", "paging", "picture", "pic", "pic_crop", "pic_large", "pic_small", "pic_square",
     "media_url", "thumbnail_url", "profile_picture_url", "full_picture", "attachments", "attachment",
     "children", "email", "emails", "phone"}
)  # fmt: skip


def base_url(settings: Settings) -> str:
    """The API's address with the version that the settings ask for."""
    return f"{settings.facebook_url}/{settings.facebook_version}"


def credentials(settings: Settings) -> Credentials:
    """The token, as a header. ConnectorError where there is none."""
    if settings.facebook_token is None:
        raise ConnectorError(
            "STATURE_FACEBOOK_TOKEN is not set: the Graph API answers nobody without a token."
        )
    return Credentials({"Authorization": f"Bearer {settings.facebook_token.get_secret_value()}"})


class NextPage(BasePaginator):
    """Follows `paging.next` by its parameters alone: the address itself holds the token."""

    def __init__(self) -> None:
        super().__init__()
        self._query = ""

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        paging = response.json().get("paging")
        following = paging.get("next") if isinstance(paging, dict) else None
        query = urlsplit(following).query if isinstance(following, str) else ""
        said = [(k, v) for k, v in parse_qsl(query, keep_blank_values=True) if k != "access_token"]
        self._query = urlencode(said)
        self._has_next_page = bool(said)

    def update_request(self, request: Request) -> None:
        request.params = {**(request.params or {}), **dict(parse_qsl(self._query, keep_blank_values=True))}  # type: ignore[dict-item]


def pages(
    client: Client, endpoint: str, path: str, params: Mapping[str, Any], about: Mapping[str, str]
) -> Iterator[Answer]:
    """The pages of a list."""
    return client.pages(endpoint, path, {"limit": PAGE, **params}, about, NextPage(), items="data")


def meant(status: int, body: str) -> int:
    """The status that an error should have: a refused token and too many calls are 400 here."""
    code = _CODE.search(body) if status in _VAGUE else None
    number = int(code[1]) if code else None
    return 401 if number in _TOKEN_REFUSED else 429 if number in _TOO_MANY else status


def in_window(asked: Asked) -> dict[str, int]:
    """Parameters for posts that may have new reactions, as seconds since 1970."""
    since = asked.since - timedelta(days=asked.reaction_days)
    return {"since": int(since.timestamp()), "until": int(asked.until.timestamp())}


def items(answer: Answer) -> list[Any]:
    """The objects in an answer: of a list, of several asked for by id, or the one."""
    body = answer.json()
    if not isinstance(body, dict):
        raise Unreadable("bad_type", "the answer is no object")
    if "error" in body:
        raise Unreadable("bad_type", "the answer is an error")
    if "data" in body:
        if not isinstance(body["data"], list):
            raise Unreadable("bad_type", "data is no list")
        return body["data"]
    by_id = [value for key, value in body.items() if isinstance(value, dict) and value.get("id") == key]
    return by_id or [body]


def objects(answer: Answer) -> list[dict[str, Any]]:
    """What is to be asked for next; what cannot be read is the mapping's to refuse."""
    try:
        return [item for item in items(answer) if isinstance(item, dict)]
    except Unreadable:
        return []


def ids(answer: Answer) -> list[str]:
    """The ids of those objects."""
    return [item["id"] for item in objects(answer) if isinstance(item.get("id"), str)]


def storable_graph(
    answer: Answer, reduce: Callable[[str], str], private: Callable[[dict[str, Any]], bool]
) -> Answer:
    """The answer as it may be stored; nothing that holds a token or a person's address is left in it."""
    return storable(answer, reduce, texts=_TEXTS, dropped=_NEVER_KEPT, private=private)


def author(item: Node) -> Node:
    """Who wrote it. The service leaves out people who have not agreed to be named to us."""
    said = item.get("from")
    if not isinstance(said, dict):
        raise Unreadable("null_required", "from")
    text(said, "id")
    return said
