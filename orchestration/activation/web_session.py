"""The session that vendors' clients send through: it waits, repeats, counts, renews, and stays put."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests

from orchestration.activation.destination import DestinationError
from orchestration.activation.patience import Patience, TransientError
from orchestration.connectors.limits import is_refusal_by_limit, retry_after

Renew = Callable[[], str]
"""Gets a new token and gives the new value of the header Authorization."""


class WebSession(requests.Session):
    """A requests session for one CRM at `url`.

    `calls` counts requests, repeated ones included. Rate limits, server errors and broken connections are
    waited for; a refused token is renewed once. Redirects are not followed: they would carry records to
    wherever an answer says. Raises UnansweredError and DestinationError.
    """

    def __init__(self, url: str, patience: Patience, timeout: float, renew: Renew | None = None) -> None:
        super().__init__()
        self.calls = 0
        self.renew = renew
        self._home = urlsplit(url)
        self._patience, self._timeout = patience, timeout
        self._authorization: str | None = None
        self.trust_env = False  # no password of a .netrc, no proxy that nobody set here

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        """One request with its repetitions; any answer that says something, good or bad."""
        address = self._at_home(str(url))
        kwargs["timeout"] = self._timeout
        kwargs["allow_redirects"] = False
        renewed = False
        while True:
            response = self._patience.call(lambda: self._once(str(method), address, *args, **kwargs))
            if response.status_code != 401 or self.renew is None or renewed:
                return response
            renewed = True
            # The token's own request must not come here again.
            renew, self.renew = self.renew, None
            try:
                self._authorization = renew()
            finally:
                self.renew = renew

    def _once(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:
        if self._authorization and "/oauth2/token" not in url:
            kwargs["headers"] = {**(kwargs.get("headers") or {}), "Authorization": self._authorization}
        self.calls += 1
        try:
            response = super().request(method, url, *args, **kwargs)
        except requests.Timeout as error:
            raise TransientError(f"no answer within {self._timeout:g} s") from error
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
            raise TransientError(f"the connection broke: {type(error).__name__}") from error
        if is_refusal_by_limit(response.status_code, response.headers):
            raise TransientError(
                f"rate limit ({response.status_code})", retry_after(_lower(response), time.time())
            )
        if response.status_code >= 500:
            raise TransientError(f"answered {response.status_code}")
        if "text/html" in response.headers.get("Content-Type", ""):
            # A proxy's page, or one about maintenance: not the CRM's word about anything.
            raise TransientError(f"answered {response.status_code} with a web page")
        if response.is_redirect:
            raise DestinationError(f"{self._home.hostname} answers with a redirect; is the address right?")
        return response

    def _at_home(self, url: str) -> str:
        """The address with the scheme that was configured; DestinationError for another host's.

        The vendors' clients write https by themselves, which a test's server does not speak.
        """
        parts = urlsplit(url)
        if parts.netloc != self._home.netloc:
            raise DestinationError(
                f"a request to {parts.hostname} instead of {self._home.hostname} was not sent"
            )
        return parts._replace(scheme=self._home.scheme).geturl()


def _lower(response: requests.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}
