"""Vendors' clients over ours: they build requests and follow pages, we send, wait, and write answers down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests

from orchestration.connectors import fields
from orchestration.connectors.answers import Answer, Unreadable
from orchestration.connectors.client import AnswerError, Client

_FAULTS: tuple[type[Exception], ...] = (
    Unreadable,
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What a vendor's client may raise over an answer that it did not expect."""


class Asking:
    """Sends a vendor's requests through our client, as answers of one endpoint.

    Credentials of the vendor's client are not sent on: ours has them, and never writes them down.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.endpoint = "unnamed"
        self.about: Mapping[str, str] = {}
        self._seen: set[str] = set()

    @contextmanager
    def of(
        self, endpoint: str, about: Mapping[str, str] | None = None, *faults: type[Exception]
    ) -> Iterator[None]:
        """Requests inside are `endpoint`'s. AnswerError also for what the vendor's client stumbles over.

        `faults`: errors of its own that it raises then.
        """
        self.endpoint, self.about, self._seen = endpoint, about or {}, set()
        try:
            yield
        except _FAULTS + faults as error:
            raise AnswerError(
                f"{endpoint}: an answer that cannot be followed: {type(error).__name__}"
            ) from error

    def send(
        self, method: str, url: str, params: Mapping[str, Any] | None = None, json: Any = None
    ) -> Answer:
        """The answer to a request that some vendor's client has made."""
        parts = urlsplit(url)
        # The vendor's idea of host and scheme does not matter: the setting says where the service is.
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        told = f"{method} {path} {sorted((params or {}).items())} {json!r}"
        if told in self._seen:
            raise AnswerError(f"{self.endpoint}: a cursor came back, and the list ends there")
        self._seen.add(told)
        return self.client.get(
            self.endpoint, path, params=params, about=self.about, method=method.upper(), json=json
        )


@contextmanager
def part(client: Client, what: str) -> Iterator[None]:
    """One of a pull's lists: where it cannot be had, the others are; the next pull asks for it all again."""
    try:
        yield
    except AnswerError as error:
        client.skipped(what, error)
        client.incomplete = True


def asked_alone(client: Client, endpoint: str, path: str) -> fields.Node:
    """An object that is asked for by itself. AnswerError also where it is none."""
    with Asking(client).of(endpoint):
        return fields.node(client.get(endpoint, path).json(), endpoint)


class VendorSession(requests.Session):
    """A session for clients that take one (simple-salesforce, zenpy)."""

    # zenpy asks a session for this; without it, it wants a password.
    authorized = True

    def __init__(self, asking: Asking) -> None:
        super().__init__()
        self.asking = asking

    def request(  # type: ignore[override]
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        data: Any = None,
        json: Any = None,
        **_: Any,
    ) -> requests.Response:
        """As requests has it; headers, timeouts and credentials are ours."""
        if data is not None:
            raise TypeError("only JSON is sent")
        answer = self.asking.send(method, url, params, json)
        response = requests.Response()
        response.status_code = answer.status
        response.url = answer.url
        response.request = requests.Request(method.upper(), url).prepare()  # zenpy looks at its address
        response.encoding = "utf-8"
        response.headers["Content-Type"] = "application/json"
        response._content = answer.body.encode()
        return response
