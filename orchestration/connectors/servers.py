"""Addresses of servers as a setting lists them, for software that many people run for themselves."""

from __future__ import annotations

from urllib.parse import urlsplit

from orchestration.connectors.network import ConnectorError


def addresses(listed: str | None, setting: str, example: str) -> list[str]:
    """The addresses in a comma-separated list, each once and without a last slash.

    ConnectorError, which names `setting` (such as mastodon_url), where one is no address of the web.
    """
    found = [part.strip().rstrip("/") for part in (listed or "").split(",") if part.strip()]
    for address in found:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ConnectorError(f"STATURE_{setting.upper()}: {address!r} is no address, such as {example}.")
    return list(dict.fromkeys(found))
