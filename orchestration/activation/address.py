"""Which CRM the books of a name are about: of production after a sandbox they say nothing."""

from __future__ import annotations

import hashlib
import json
from urllib.parse import urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from orchestration.activation.journal import AREA
from orchestration.activation.mapping import CrmMapping
from orchestration.settings import Settings
from spark_jobs.lake import Lake


def is_another(settings: Settings, crm: str, mapping: CrmMapping) -> bool:
    """Whether the CRM of this name was at another address when something was sent to it first."""
    lake = Lake(settings.home, AREA)
    try:
        with lake.open(_path(lake, crm), "rb") as handle:
            before = json.load(handle)["address"]
    except FileNotFoundError:
        return False
    return bool(before != _digest(settings, crm, mapping))


def remember(settings: Settings, crm: str, mapping: CrmMapping) -> None:
    """Keep the address, so that another one is noticed."""
    lake = Lake(settings.home, AREA)
    lake.write_json(_path(lake, crm), {"address": _digest(settings, crm, mapping)})


def _path(lake: Lake, crm: str) -> str:
    return f"{lake.table_path(crm)}/address.json"


def _digest(settings: Settings, crm: str, mapping: CrmMapping) -> str:
    """Of host and object, without secrets; as a digest, because it need not be read."""
    if mapping.kind == "postgres":
        secret = settings.crm_secrets.get(crm)
        try:
            found = conninfo_to_dict(secret.get_secret_value() if secret else "")
        except ProgrammingError:
            found = {}
        place = f"{found.get('host')}/{found.get('dbname')}"
    else:
        url = {
            "salesforce": settings.salesforce_url,
            "hubspot": settings.hubspot_url,
            "zendesk": settings.zendesk_url,
            "http": mapping.send.url if mapping.send else None,
        }.get(mapping.kind)
        place = str(urlsplit(url or "").hostname)
    return hashlib.sha256(f"{mapping.kind}\n{place.lower()}\n{mapping.object}".encode()).hexdigest()
