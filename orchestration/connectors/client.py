"""A polite HTTP client: what a network's module asks through, and what records every answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, Protocol

from dlt.sources.helpers.rest_client.paginators import BasePaginator

from orchestration.connectors.answers import Answer
from orchestration.connectors.network import ConnectorError, NetworkDownError

__all__ = ["AnswerError", "Client", "ConnectorError", "NetworkDownError"]


class AnswerError(Exception):
    """This one thing cannot be had; the pull can go on without it. `answer` is None where none came."""

    def __init__(self, message: str, answer: Answer | None = None) -> None:
        super().__init__(message)
        self.answer = answer

    @property
    def status(self) -> int | None:
        return self.answer.status if self.answer else None


class Client(Protocol):
    """Asks one network, one request at a time, and keeps to its limits.

    Each answer is recorded before it is handed over: also 404, 410 and other refusals, which then raise
    AnswerError. ConnectorError passes through `apart`: the network is down, or the token is refused.
    """

    def get(
        self,
        endpoint: str,
        path_or_url: str,
        params: Mapping[str, Any] | None = None,
        about: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        json: Any = None,
        form: Literal["json", "text"] = "json",
    ) -> Answer:
        """One answer. `form`: what the body must be; text takes anything (feeds).

        AnswerError, ConnectorError.
        """

    def pages(
        self,
        endpoint: str,
        path_or_url: str,
        params: Mapping[str, Any] | None = None,
        about: Mapping[str, str] | None = None,
        paginator: BasePaginator | None = None,
        stop: Callable[[Answer], bool] | None = None,
        items: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Answer]:
        """The answers of a list, page by page, until its end, or after the page for which `stop` says so.

        `items` is the JSON path of the page's list, where a paginator needs to see whether it is empty.
        A cursor that comes back ends the list with a note.
        """

    @contextmanager
    def apart(self, what: str) -> Iterator[None]:
        """What fails inside with AnswerError is noted under `what` and skipped."""
        yield

    def note(self, text: str) -> None:
        """A remark that ends up in the run's report."""
