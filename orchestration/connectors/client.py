"""A polite HTTP client: what a network's module asks through, and what records every answer."""

from __future__ import annotations

import copy
import hashlib
import json as json_text
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

import requests
from dlt.sources.helpers.rest_client.paginators import BasePaginator, SinglePagePaginator
from dlt.sources.helpers.rest_client.utils import join_url
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential_jitter

from orchestration.connectors.answers import Answer
from orchestration.connectors.exchange import (
    Exchange,
    Fault,
    Reply,
    RequestRefusedError,
    TransientFault,
    host_of,
    without_params,
)
from orchestration.connectors.journal import Entry, Journal
from orchestration.connectors.limits import KnownLimits, is_refusal_by_limit, retry_after
from orchestration.connectors.network import (
    AnswerError,
    ConnectorError,
    Credentials,
    Network,
    NetworkDownError,
)
from orchestration.connectors.paging import GOES_ON, LAST_PAGE, says_the_end, turn
from orchestration.connectors.revalidation import VALIDATORS, again, known_version
from orchestration.settings import Settings

__all__ = ["AnswerError", "Client", "ConnectorError", "NetworkDownError"]

Form = Literal["json", "text"]

MOST_PAGES = 5_000
"""Pages of one list; a list that is longer than this never ends."""

_TRIES = {"server": 5, "connection": 5, "body": 3}
"""How often a request is sent where the server fails, the connection does, or the body is not whole."""

_MOST_TRIES = 7

_MOST_REFUSALS = 10  # answers of 429 to one request
_FAILED_IN_A_ROW = 3  # requests, each given up after all its tries: the host is down
_ERROR_BODY = 500  # characters kept of a body that is no answer to what was asked
_LATER = 60.0  # seconds to wait where a service says "later" and not when


@dataclass(frozen=True)
class _Wish:
    """A request as a module asks for it, and what of it may be written down."""

    endpoint: str
    request: requests.Request
    form: Form
    about: Mapping[str, str]
    url: str  # without secrets
    key: str
    host: str
    own: bool  # the network's own host, to which credentials go
    noting: tuple[str, ...] = ()  # headers of the answer that go into its `about`
    mark_end: bool = False
    earlier: Answer | None = None  # what stands again where the service says that nothing changed


@dataclass(frozen=True)
class _Got:
    answer: Answer
    entry: Entry
    reply: Reply | None  # None where the journal held the answer


class Client:
    """Asks one network, one request at a time, and keeps to its limits.

    Each answer is recorded before it is handed over: also 404, 410 and other refusals, which then raise
    AnswerError. ConnectorError passes through `apart`: the network is down, or the token is refused.
    `wait` takes seconds; `clock` gives seconds since 1970.
    """

    def __init__(
        self,
        network: Network,
        settings: Settings,
        journal: Journal,
        *,
        kept: Callable[[Answer], Answer],
        credentials: Credentials | None = None,
        renew: Callable[[Settings], Credentials] | None = None,
        earlier: Callable[[str, str], Answer | None] = lambda endpoint, url: None,
        exchange: Exchange | None = None,
        wait: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`earlier` gives the answer of the last pull to an endpoint at an address, as it was stored."""
        self.network = network
        self.settings = settings
        self.base = network.base(settings)
        self.asked = self.answered = self.waited = 0
        self.failures: list[str] = []
        self.notes: list[str] = []
        self.incomplete = False
        self._journal = journal
        self._kept = kept
        self._credentials = credentials or Credentials()
        self._renew = renew
        self._earlier = earlier
        self._exchange = exchange or Exchange(settings)
        self._wait = wait
        self._clock = clock
        self._limits = KnownLimits()
        self._failed_in_a_row: dict[str, int] = {}

    # --- asking -------------------------------------------------------------------------------

    def get(
        self,
        endpoint: str,
        path_or_url: str,
        params: Mapping[str, Any] | None = None,
        about: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        json: Any = None,
        form: Form = "json",
        noting: tuple[str, ...] = (),
        revalidate: bool = False,
    ) -> Answer:
        """One answer. `form`: what the body must be; text takes anything (feeds). `noting`: headers of the
        answer, by the name under which they then stand in its `about`. `revalidate`: where the service says
        that nothing changed since the last pull, that pull's answer stands again, as it was stored.

        AnswerError, ConnectorError.
        """
        request = self._request(path_or_url, params, headers, method, json)
        wish = replace(self._wish(endpoint, request, about, form), noting=noting)
        return self._ask(self._revalidating(wish) if revalidate else wish).answer

    def _revalidating(self, wish: _Wish) -> _Wish:
        """The request with what the service said of the version that we have."""
        noting, earlier = (*wish.noting, *VALIDATORS), self._earlier(wish.endpoint, wish.url)
        if earlier is None or not (known := known_version(earlier)):
            return replace(wish, noting=noting)
        wish.request.headers = {**(wish.request.headers or {}), **known}
        return replace(wish, noting=noting, earlier=earlier)

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
        mark_end: bool = False,
    ) -> Iterator[Answer]:
        """The answers of a list, page by page, until its end, or after the page for which `stop` says so.

        `items` is the JSON path of the page's list, where a paginator needs to see whether it is empty.
        `mark_end`: the page with which the service says that the list ends has LAST_PAGE in its `about`.
        A cursor that comes back ends the list with a note. AnswerError, ConnectorError.
        """
        request = self._request(path_or_url, params, headers, "GET", None)
        paging = copy.deepcopy(paginator) if paginator else SinglePagePaginator()
        paging.init_request(request)
        seen: set[str] = set()
        for _ in range(MOST_PAGES):
            wish = replace(self._wish(endpoint, request, about, "json"), mark_end=mark_end)
            if wish.key in seen:
                self.note(f"{endpoint}: a cursor came back, and the list ends there")
                return
            seen.add(wish.key)
            got = self._ask(wish, lambda reply: turn(paging, reply, items))
            state = got.entry.paging or {}
            if got.reply is None:
                vars(paging).update(state)
            if not state.get(GOES_ON, True):
                self.note(f"{endpoint}: a page does not say how the list goes on, and it ends there")
            yield got.answer
            if not paging.has_next_page or (stop and stop(got.answer)):
                return
            paging.update_request(request)
            if wish.own and host_of(str(request.url)) != wish.host:
                self.note(f"{endpoint}: the next page lies on another host, and the list ends there")
                return
        self.note(f"{endpoint}: the list has more than {MOST_PAGES:,} pages, and ends there")

    @contextmanager
    def apart(self, what: str) -> Iterator[None]:
        """What fails inside with AnswerError is noted under `what` and skipped."""
        try:
            yield
        except AnswerError as error:
            self.skipped(what, error)

    def skipped(self, what: str, error: AnswerError) -> None:
        """Note something that could not be had."""
        self.failures.append(f"{what}: {error}")
        self.incomplete = self.incomplete or error.again

    def note(self, text: str) -> None:
        """A remark that ends up in the run's report."""
        if text not in self.notes:
            self.notes.append(text)

    def pause(self, seconds: float, why: str) -> None:
        """Wait because the service asks for it. NetworkDownError beyond STATURE_PULL_PATIENCE."""
        if seconds > self.settings.pull_patience:
            until = datetime.fromtimestamp(self._clock() + seconds, UTC).isoformat(" ", "seconds")
            raise NetworkDownError(
                f"{self.network.name} {why} until {until}, which is longer than STATURE_PULL_PATIENCE "
                f"({self.settings.pull_patience} seconds) allows."
            )
        if seconds > 0:
            self.waited += 1
            self._wait(seconds)

    # --- requests -----------------------------------------------------------------------------

    def _request(
        self,
        path_or_url: str,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        method: str,
        json: Any,
    ) -> requests.Request:
        absolute = path_or_url.startswith(("http://", "https://"))
        url = path_or_url if absolute else join_url(self.base, path_or_url)
        return requests.Request(
            method, url, params=dict(params or {}), headers=dict(headers or {}), json=copy.deepcopy(json)
        )

    def _wish(
        self, endpoint: str, request: requests.Request, about: Mapping[str, str] | None, form: Form
    ) -> _Wish:
        # A link to the next page may carry the secrets of the page before.
        request.url = without_params(str(request.url), self._credentials.params)
        try:
            url = requests.Request("GET", request.url, params=request.params).prepare().url or ""
        except (requests.RequestException, ValueError):
            raise AnswerError(f"{endpoint}: this is no address to ask") from None
        told = [request.method, url, request.json, dict(sorted((about or {}).items()))]
        key = hashlib.sha256(json_text.dumps(told, sort_keys=True).encode()).hexdigest()
        host = host_of(url)
        own = bool(self.base) and host == host_of(self.base)
        return _Wish(endpoint, request, form, dict(about or {}), url, key, host, own)

    def _ask(self, wish: _Wish, turn: Callable[[Reply], Mapping[str, Any]] | None = None) -> _Got:
        """The journal's answer, or the service's. `turn` reads from a page where the list stands after it."""
        entry = self._journal.find(wish.key)
        if entry and not entry.again and (turn is None or entry.failed or entry.paging is not None):
            if entry.answer.ok:
                self.answered += 1
            if entry.failed:
                raise AnswerError(entry.failed, entry.answer)
            return _Got(entry.answer, entry, None)
        try:
            reply = self._persist(wish)
        except TransientFault as fault:
            self._failed(wish, fault)
            message = f"{wish.endpoint}: {fault}"
            answer = self._record(wish, fault.reply, message, again=True).answer if fault.reply else None
            raise AnswerError(message, answer, again=True) from None
        except RequestRefusedError as refused:
            raise AnswerError(f"{wish.endpoint}: {refused}") from None
        self._failed_in_a_row[wish.host] = 0
        if reply.status == 304 and wish.earlier is not None:
            reply = again(wish.earlier, reply)
        if not 200 <= reply.status < 300:
            message = f"{wish.endpoint}: the service answered {reply.status}"
            if reply.status == 401 and (secrets := self._secrets()):
                message += f", and may want {secrets}"
            got = self._record(wish, reply, message)
            raise AnswerError(message, got.answer)
        self.answered += 1
        return self._record(wish, reply, None, paging=turn(reply) if turn else None)

    def _record(
        self,
        wish: _Wish,
        reply: Reply,
        failed: str | None,
        *,
        again: bool = False,
        paging: Mapping[str, Any] | None = None,
    ) -> _Got:
        """Write an answer down as it may be kept; as it came, it is handed on."""
        received = datetime.fromtimestamp(self._clock(), UTC)
        text = reply.text(wish.form)
        noted = {name: reply.headers[name.lower()] for name in wish.noting if name.lower() in reply.headers}
        about = {**wish.about, **noted}
        if wish.mark_end and paging is not None and says_the_end(paging):
            about[LAST_PAGE] = "yes"
        answer = Answer(self.network.name, wish.endpoint, wish.url, reply.status, text, received, about)
        if failed and reply.status not in self.network.gone:
            # No more than tells what went wrong: an error page is nobody's content, and may hold anything.
            stored = replace(answer, body=text[:_ERROR_BODY])
        else:
            stored = self._kept(answer)
        entry = Entry(wish.key, stored, failed, again, paging)
        self._journal.add(entry)
        return _Got(answer, entry, reply)

    # --- persistence --------------------------------------------------------------------------

    def _persist(self, wish: _Wish) -> Reply:
        """Send a request until it is answered. TransientFault where it is given up."""

        faults: Counter[str] = Counter()

        def over(state: RetryCallState) -> bool:
            fault = state.outcome.exception() if state.outcome else None
            if not isinstance(fault, Fault):
                return True
            faults[fault.kind] += 1
            return faults[fault.kind] >= _TRIES[fault.kind] or faults.total() >= _MOST_TRIES

        retrying = Retrying(
            stop=over,
            wait=wait_exponential_jitter(initial=1, max=60),
            retry=retry_if_exception_type(TransientFault),
            sleep=lambda seconds: self._wait(float(seconds)),
            reraise=True,
        )
        return retrying(self._attempt, wish)

    def _attempt(self, wish: _Wish) -> Reply:
        """Send a request, and again as often as the service only says: later."""
        for refusals in range(_MOST_REFUSALS + 1):
            seconds = self._limits.take(wish.host, wish.endpoint, self._clock())
            if seconds > 0:
                self.note("waited for the service's limits before they were reached")
                self.pause(seconds, "allows no more requests")
            reply = self._send(wish)
            now = self._clock()
            self._limits.learn(wish.host, wish.endpoint, reply.headers, now)
            told = self.network.later(reply.status, reply.body, now) if self.network.later else None
            if told is None and not is_refusal_by_limit(reply.status, reply.headers):
                return reply.checked(wish.form)
            asked = max((s for s in (told, retry_after(reply.headers, now)) if s is not None), default=None)
            self._limits.take(wish.host, wish.endpoint, now)  # waited for here, and not once more
            self.note("the service's limits were reached, and waited for")
            self.pause(min(_LATER, 2.0**refusals) if asked is None else max(asked, 1.0), "wants no requests")
        raise NetworkDownError(
            f"{self.network.name} refused {wish.endpoint} {_MOST_REFUSALS + 1} times for its limits, "
            "although each time was waited as long as it asked."
        )

    def _send(self, wish: _Wish) -> Reply:
        """Send a request once; a refused token is renewed once a pull."""
        self.asked += 1
        credentials = self._credentials if wish.own else Credentials()
        reply = self._exchange.send(wish.request, credentials)
        if reply.status >= 400:
            reply = replace(reply, status=self.network.meant(reply.status, reply.text("text")))
        if reply.status != 401 or not (credentials.headers or credentials.params):
            return reply
        if self._renew is not None:
            renew, self._renew = self._renew, None
            self._credentials = renew(self.settings)
            self.note("the token was renewed")
            return self._send(wish)
        raise ConnectorError(f"{self.network.name} refuses the token: renew {self._secrets() or 'it'}.")

    def _secrets(self) -> str:
        """The settings that a token could be in."""
        names = self.network.needs + self.network.optional
        secret = [n for n in names if any(part in n for part in ("token", "key", "secret", "password"))]
        return " or ".join(f"STATURE_{name.upper()}" for name in secret)

    def _failed(self, wish: _Wish, fault: TransientFault) -> None:
        """Count a request that was given up. NetworkDownError where the network's one host is down."""
        failed = self._failed_in_a_row.get(wish.host, 0) + 1
        self._failed_in_a_row[wish.host] = failed
        if wish.own and (failed >= _FAILED_IN_A_ROW or (fault.kind == "connection" and not self.answered)):
            raise NetworkDownError(f"{self.network.name} is down: {wish.endpoint}: {fault}.") from None
