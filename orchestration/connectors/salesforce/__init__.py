"""Salesforce: contacts, cases and won opportunities that changed, by REST query or by Bulk API 2.0.

What changed is asked by SystemModstamp, which also moves when Salesforce itself changes a record. Many
records (the first pull, as a rule) come as a bulk query: one job instead of a request for every two thousand.
Contacts and cases are asked with those in the recycle bin (queryAll), because deleting is a change as well.
"""

from __future__ import annotations

import requests

from orchestration.connectors.client import Client
from orchestration.connectors.crm.vendor import asked_alone
from orchestration.connectors.network import ConnectorError, Credentials, Network
from orchestration.connectors.salesforce.asking import pull
from orchestration.connectors.salesforce.reading import NAME, kept, rows
from orchestration.settings import Settings

__all__ = ["NETWORK", "check", "credentials", "kept", "pull", "renew", "rows"]

_TOKEN_SECONDS = 30.0

NETWORK = Network(
    name=NAME,
    base_url=lambda settings: settings.salesforce_url or "",
    needs=("salesforce_url",),
    optional=("salesforce_token", "salesforce_client_id", "salesforce_client_secret"),
    page="https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/",
    history="the first pull takes all contacts, cases and opportunities; later ones what changed since",
    blind="what a record was before its last change; what left the recycle bin before it was asked for",
    proof="recorded answers (REST query); published description (Bulk API 2.0)",
    history_days=90,
    from_beginning=True,
)


def credentials(settings: Settings) -> Credentials:
    """An access token, given or asked for as the connected app (client credentials). ConnectorError."""
    if settings.salesforce_token is not None:
        return _bearer(settings.salesforce_token.get_secret_value())
    if settings.salesforce_client_id is None or settings.salesforce_client_secret is None:
        raise ConnectorError(
            "salesforce needs STATURE_SALESFORCE_TOKEN, or STATURE_SALESFORCE_CLIENT_ID and "
            f"STATURE_SALESFORCE_CLIENT_SECRET: see {NETWORK.page}."
        )
    form = {
        "grant_type": "client_credentials",
        "client_id": settings.salesforce_client_id,
        "client_secret": settings.salesforce_client_secret.get_secret_value(),
    }
    url = f"{(settings.salesforce_url or '').rstrip('/')}/services/oauth2/token"
    try:
        reply = requests.post(url, data=form, timeout=_TOKEN_SECONDS, allow_redirects=False)
        token = reply.json()["access_token"] if reply.ok else None
    except (requests.RequestException, ValueError, LookupError, TypeError):
        # The text of these errors may hold what was sent.
        raise ConnectorError(
            "salesforce gave no token: STATURE_SALESFORCE_URL does not answer as it should."
        ) from None
    if not isinstance(token, str):
        raise ConnectorError(
            f"salesforce refuses the connected app ({reply.status_code}): see STATURE_SALESFORCE_CLIENT_ID."
        )
    return _bearer(token)


def renew(settings: Settings) -> Credentials:
    """Another token, where the app may ask for one."""
    if settings.salesforce_token is not None:
        raise ConnectorError("salesforce refuses the token: renew STATURE_SALESFORCE_TOKEN.")
    return credentials(settings)


def _bearer(token: str) -> Credentials:
    return Credentials(headers={"Authorization": f"Bearer {token}"})


def check(client: Client) -> str:
    limits = asked_alone(client, "limits", f"/services/data/v{client.settings.salesforce_version}/limits")
    today = limits.get("DailyApiRequests")
    left = today.get("Remaining", "?") if isinstance(today, dict) else "?"
    return f"{client.base}, {left} requests left today"
