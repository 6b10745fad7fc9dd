"""One request and its answer over HTTP: bounded in time and size, on one host, and whole or a fault."""

from __future__ import annotations

import codecs
import json
import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import requests
from requests.structures import CaseInsensitiveDict

from orchestration.connectors.network import Credentials
from orchestration.settings import Settings

Kind = Literal["server", "connection", "body"]

_PIECE = 1 << 16
_REDIRECTS = 5
_XML_ENCODING = re.compile(rb'^[^<]{0,8}<\?xml[^>]{0,200}?encoding\s*=\s*["\']([A-Za-z0-9._-]{1,40})["\']')


class Fault(Exception):  # noqa: N818 - what it is
    """A request that was not answered as it should be. `reply` is what came, where anything did."""

    kind: Kind

    def __init__(self, kind: Kind, message: str, reply: Reply | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.reply = reply


class TransientFault(Fault):
    """A fault that may be gone in a moment."""


class RequestRefusedError(Exception):
    """A request that we do not send, or an answer that we do not follow or take."""


@dataclass(frozen=True)
class Reply:
    """What came back: `body` is unpacked; the names of headers are compared without case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str = field(repr=False)

    def checked(self, form: Literal["json", "text"]) -> Reply:
        """Itself. TransientFault where the server failed, or a body that should be JSON is not."""
        if self.status >= 500:
            raise TransientFault("server", f"the service answered {self.status}", self)
        if form == "json" and 200 <= self.status < 300 and self.status != 204:
            try:
                json.loads(self.body)
            except (ValueError, RecursionError):
                html = b"<" in self.body[:200]
                what = "an HTML page" if html else "a body that is no whole JSON"
                raise TransientFault("body", f"{what} came with status {self.status}", self) from None
        return self

    def text(self, form: Literal["json", "text"]) -> str:
        """The body as text, without NUL. JSON is UTF-8; other text says what it is, or is UTF-8 too."""
        encoding = "utf-8-sig" if form == "json" else _encoding(self.headers, self.body)
        return self.body.decode(encoding, "replace").replace("\x00", "\ufffd")

    def as_response(self) -> requests.Response:
        """As the paginators take it."""
        response = requests.Response()
        response.status_code = self.status
        response.headers = CaseInsensitiveDict(self.headers)
        response.url = self.url
        response._content = self.body
        response.encoding = "utf-8"
        return response


class Exchange:
    """Sends requests, one at a time, over connections that stay open."""

    def __init__(
        self,
        settings: Settings,
        *,
        timeout: tuple[float, float] = (10.0, 30.0),
        longest: float = 180.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`timeout`: seconds to connect, and between two pieces; `longest`: for the whole body."""
        self._session = requests.Session()
        self._timeout = timeout
        self._longest = longest
        self._clock = clock
        self._most = settings.pull_max_body_mb * 1_000_000
        contact = settings.contact or "no contact given"
        self._agent = f"Stature/{version('stature')} ({contact})"

    def send(self, request: requests.Request, credentials: Credentials) -> Reply:
        """The reply, after redirects on the same host. TransientFault, RequestRefusedError."""
        host, url = host_of(str(request.url)), str(request.url)
        headers = {"User-Agent": self._agent, "Accept": "application/json"} | dict(request.headers or {})
        # Not through the session: it would add what ~/.netrc holds for the host.
        prepared = requests.Request(
            request.method,
            url,
            headers=headers | dict(credentials.headers),
            params={**(request.params or {}), **credentials.params},  # type: ignore[dict-item]
            json=request.json,
        ).prepare()
        for _ in range(_REDIRECTS + 1):
            response = self._sent(prepared)
            target = response.headers.get("location") if response.is_redirect else None
            if target is None:
                return self._read(response, url)
            response.close()
            following = urljoin(str(prepared.url), target)
            if not _same_host(host, str(prepared.url), following):
                raise RequestRefusedError("redirected to another host, which is not followed")
            prepared.url = following
        raise RequestRefusedError("redirected in circles")

    def _sent(self, prepared: requests.PreparedRequest) -> requests.Response:
        surroundings = self._session.merge_environment_settings(str(prepared.url), {}, True, None, None)
        try:
            return self._session.send(prepared, timeout=self._timeout, allow_redirects=False, **surroundings)
        except requests.Timeout:
            raise TransientFault("connection", "no answer in time") from None
        except requests.ConnectionError:
            # The text of these errors holds the address, which may hold secrets.
            raise TransientFault("connection", "no connection") from None
        except (requests.RequestException, ValueError):
            raise RequestRefusedError("the request could not be sent") from None

    def _read(self, response: requests.Response, url: str) -> Reply:
        began, pieces, size = self._clock(), [], 0
        try:
            for piece in response.iter_content(_PIECE):
                size += len(piece)
                if size > self._most:
                    raise RequestRefusedError(
                        f"the body is larger than STATURE_PULL_MAX_BODY_MB ({self._most // 1_000_000})"
                    )
                if self._clock() - began > self._longest:
                    raise TransientFault("connection", "the body did not end in time")
                pieces.append(piece)
        except requests.Timeout:
            raise TransientFault("connection", "the body stopped coming") from None
        except requests.ConnectionError:
            raise TransientFault("connection", "the body stopped coming") from None
        except requests.RequestException:
            raise TransientFault("body", "the body is torn") from None
        finally:
            response.close()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status_code, headers, b"".join(pieces), url)


def host_of(url: str) -> str:
    """Host and port, in lower case."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        return ""
    return f"{(parts.hostname or '').lower()}:{port}"


def _same_host(host: str, before: str, after: str) -> bool:
    """Whether a redirect stays where it was; from http to https counts as staying."""
    if urlsplit(after).scheme not in ("http", "https"):
        return False
    if host_of(after) == host:
        return urlsplit(after).scheme == urlsplit(before).scheme
    upgraded = urlsplit(before).scheme == "http" and urlsplit(after).scheme == "https"
    return (
        upgraded
        and host == f"{urlsplit(before).hostname}:80"
        and host_of(after) == f"{urlsplit(before).hostname}:443"
    )


def without_params(url: str, names: Collection[str]) -> str:
    """An address without these parameters, and without a user's name and password."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    if not names and place == parts.netloc:
        return url
    query = parts.query
    if any(name in query for name in names):
        query = urlencode([(k, v) for k, v in parse_qsl(query, keep_blank_values=True) if k not in names])
    return urlunsplit((parts.scheme, place, parts.path, query, ""))


def _encoding(headers: Mapping[str, str], body: bytes) -> str:
    """How a text says that it is encoded: by its first bytes, its header, or its XML declaration."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if body.startswith(mark):
            return name
    told = re.search(r"charset\s*=\s*[\"']?([A-Za-z0-9._-]{1,40})", headers.get("content-type", ""))
    declared = _XML_ENCODING.match(body)
    names = [told.group(1) if told else "", declared.group(1).decode() if declared else ""]
    for name in filter(None, names):
        try:
            "".encode(name)  # also sees to it that it is an encoding of text
        except (LookupError, UnicodeError):
            continue
        return str(name)
    return "utf-8"
