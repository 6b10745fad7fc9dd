"""Which module speaks with which kind of CRM. Modules are imported when they are used."""

from __future__ import annotations

import time
from collections.abc import Callable

from pydantic import SecretStr

from orchestration.activation.destination import Destination, DestinationError
from orchestration.activation.mapping import CrmMapping
from orchestration.settings import Settings

Wait = Callable[[float], None]


def open_destination(
    settings: Settings, crm: str, mapping: CrmMapping, run_id: str, wait: Wait = time.sleep
) -> Destination:
    """The CRM, ready to be written to. DestinationError names the setting that is missing."""
    if mapping.kind == "file":
        from orchestration.activation.file import FileDestination

        return FileDestination(settings.home, crm, run_id)
    if mapping.kind == "salesforce":
        from orchestration.activation.salesforce import SalesforceDestination

        return SalesforceDestination(settings, crm, mapping, wait)
    if mapping.kind == "hubspot":
        from orchestration.activation.hubspot import HubSpotDestination

        return HubSpotDestination(settings, crm, mapping, wait)
    if mapping.kind == "zendesk":
        from orchestration.activation.zendesk import ZendeskDestination

        return ZendeskDestination(settings, crm, mapping, wait)
    if mapping.kind == "postgres":
        from orchestration.activation.postgres import PostgresDestination

        return PostgresDestination(settings, crm, mapping, wait)
    from orchestration.activation.http_endpoint import HttpDestination

    return HttpDestination(settings, crm, mapping, wait)


def required(crm: str, **found: str | SecretStr | None) -> list[str]:
    """The settings' values, given by name. DestinationError names those that are missing."""
    missing = [f"STATURE_{name.upper()}" for name, value in found.items() if value is None]
    if missing:
        raise DestinationError(f"The CRM {crm} needs {' and '.join(missing)}.")
    return [
        value.get_secret_value() if isinstance(value, SecretStr) else str(value) for value in found.values()
    ]


def secret(settings: Settings, crm: str) -> str:
    """The secret of a CRM of a kind that has no settings of its own."""
    found = settings.crm_secrets.get(crm)
    if found is None:
        raise DestinationError(
            f'The CRM {crm} needs a secret in STATURE_CRM_SECRETS, as JSON: {{"{crm}": "…"}}.'
        )
    return found.get_secret_value()
