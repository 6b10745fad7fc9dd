"""Asking whether an answer that we have is still the newest (RFC 9110, 13.1): one that is costs a 304."""

from __future__ import annotations

from orchestration.connectors.answers import Answer
from orchestration.connectors.exchange import Reply

VALIDATORS = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
"""What a service says of an answer's version, and how it is asked whether there is another by now."""

_LONGEST = 500


def known_version(earlier: Answer) -> dict[str, str]:
    """Headers that name the version that we have; none where the service named none that can be sent back."""
    known = {sent: earlier.about[said] for said, sent in VALIDATORS.items() if said in earlier.about}
    return {} if any(len(value) > _LONGEST for value in known.values()) else known


def again(earlier: Answer, unchanged: Reply) -> Reply:
    """The earlier answer in place of a 304, as the service would have given it whole."""
    said = {name.lower(): earlier.about[name] for name in VALIDATORS if name in earlier.about}
    headers = {**said, **unchanged.headers, "content-type": "text/plain; charset=utf-8"}
    return Reply(earlier.status, headers, earlier.body.encode(), unchanged.url)
