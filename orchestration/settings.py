"""Every setting, in one place. Read from STATURE_* in the environment, then from `.env`."""

from __future__ import annotations

import json
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """The project's settings; the names are the environment's without the prefix STATURE_."""

    model_config = SettingsConfigDict(
        env_prefix="STATURE_", env_file=".env", extra="ignore", env_ignore_empty=True
    )

    home: str = Field(
        "./.stature", description="Where everything is kept: a folder or an object store's URI."
    )
    inbox: str | None = Field(None, description="Folder of files that others drop; unset: no inbox.")
    networks: Annotated[tuple[str, ...], NoDecode] = Field(
        ("sample",), description="Connectors that run, comma-separated. The inbox runs whenever it is set."
    )
    spark_master: str = Field("local[*]", description="Spark master: local[*], spark://…, k8s://…")
    spark_driver_memory: str = Field("3g", description="Memory of the Spark driver where it runs locally.")
    model: str = Field("v1", description="Version of the scoring model.")
    taxonomy: str = Field(
        "default",
        description="Topics that tags are read as: the name of a taxonomy, or a file or folder with one.",
    )
    taxonomy_unknown: Literal["keep", "drop"] = Field(
        "keep",
        description="A tag that the taxonomy does not know: keep it as a topic of its own, or drop it.",
    )
    first_day: date | None = Field(
        None, description="The declared first day. Unset: the first day that was ever run."
    )
    sample_people: int = Field(2000, ge=10, description="People in the sample community.")
    sample_seed: int = Field(7, ge=0, description="Seed of the sample community.")
    identity_confidence: float = Field(
        0.7, ge=0, le=1, description="Links below this confidence do not join an account to a person."
    )
    bluesky_url: str = Field(
        "https://public.api.bsky.app",
        description="Bluesky's public reading service, or another AT Protocol one.",
    )
    contact: str | None = Field(
        None, description="Who asks: an address for the people who run a network, part of the user agent."
    )
    pull_patience: int = Field(
        960, ge=0, description="Seconds that a pull waits at most for a network's limits, each time."
    )
    pull_max_body_mb: int = Field(32, ge=1, description="Megabytes of one answer at most.")
    reaction_days: int = Field(
        7, ge=0, le=90, description="Posts up to so many days old are asked for new reactions."
    )
    watch_reacted: int = Field(
        200, ge=0, description="Accounts pulled at most because they reacted to those watched."
    )
    keep_text: bool = Field(
        False, description="Keep the text of messages in raw answers, and not only what they are about."
    )

    x_url: str = Field("https://api.x.com", description="Where X's API v2 is.")
    x_token: SecretStr | None = Field(
        None, description="Bearer token of an app of X, or of one of its users."
    )
    github_url: str = Field("https://api.github.com", description="Where GitHub's REST API is.")
    github_token: SecretStr | None = Field(
        None, description="GitHub token; without one GitHub answers 60 times an hour."
    )
    youtube_url: str = Field("https://youtube.googleapis.com", description="Where YouTube's Data API is.")
    youtube_key: SecretStr | None = Field(None, description="Key of a Google project for YouTube's Data API.")
    mastodon_url: str | None = Field(
        None,
        description="Addresses of Mastodon servers, comma-separated; the first is asked for all others.",
    )
    mastodon_token: SecretStr | None = Field(None, description="Access token of the first Mastodon server.")
    discourse_url: str | None = Field(None, description="Addresses of Discourse forums, comma-separated.")
    discourse_key: SecretStr | None = Field(None, description="API key of the first Discourse forum.")
    discourse_username: str | None = Field(None, description="Whom the Discourse API key speaks for.")
    hackernews_url: str = Field(
        "https://hn.algolia.com/api/v1", description="Address of Hacker News' search (Algolia)."
    )
    hackernews_users_url: str = Field(
        "https://hacker-news.firebaseio.com/v0", description="Address of Hacker News' own API, for users."
    )
    stackexchange_url: str = Field(
        "https://api.stackexchange.com/2.3", description="Address of the Stack Exchange API."
    )
    stackexchange_sites: str = Field(
        "stackoverflow", description="Stack Exchange sites, comma-separated, by their API names."
    )
    stackexchange_key: SecretStr | None = Field(
        None, description="Key of a registered Stack Apps application."
    )

    campaigns: str | None = Field(None, description="Folder of campaign files, of which audiences are drawn.")
    require_legal_basis: bool = Field(
        False, description="Leave contacts unscored whose CRM states no legal basis for processing."
    )
    crms: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="CRMs that the scores are sent to after each publishing, comma-separated; unset: none.",
    )
    crm_mappings: str | None = Field(
        None,
        description="Folder with a mapping a CRM, <name>.yaml; the project's own stand in for the others.",
    )
    crm_most_changed: float = Field(
        0.3, ge=0, le=1, description="A sync that would change a greater share of known records asks first."
    )
    crm_most_emptied: float = Field(
        0.05, ge=0, le=1, description="A sync that would empty a greater share of known records asks first."
    )
    crm_few: int = Field(
        5,
        ge=0,
        description="A sync that changes no more known records than this, empties no more, never asks.",
    )
    crm_stale_days: int = Field(3, ge=0, description="Scores older than this many days are not sent.")
    crm_read_back: int = Field(20, ge=0, description="Records read again after a sync, to see what arrived.")
    crm_timeout: float = Field(60.0, gt=0, description="Seconds that one call to a CRM may take.")
    crm_patience: float = Field(
        900.0,
        ge=0,
        description="Seconds that one call may wait in all, for limits and outages, with its retries.",
    )
    crm_secrets: Annotated[dict[str, SecretStr], NoDecode] = Field(
        default_factory=dict,
        description="Secrets of CRMs without settings of their own, as JSON by name: a connection string "
        "(postgres), a header's value (http).",
    )
    crm_fields: str | None = Field(
        None, description="Folder of files that say which of a CRM's fields hold handles, value and the like."
    )
    salesforce_url: str | None = Field(None, description="https://<company>.my.salesforce.com")
    salesforce_client_id: str | None = Field(None, description="Consumer key of a connected app.")
    salesforce_client_secret: SecretStr | None = Field(None, description="Its secret (client credentials).")
    salesforce_token: SecretStr | None = Field(None, description="Instead of an app: an access token.")
    salesforce_version: str = Field("62.0", description="Version of the Salesforce API.")
    hubspot_url: str = Field("https://api.hubapi.com", description="HubSpot's API.")
    hubspot_token: SecretStr | None = Field(None, description="Access token of a private app.")
    zendesk_url: str | None = Field(None, description="https://<company>.zendesk.com")
    zendesk_email: str | None = Field(None, description="Whose API token it is.")
    zendesk_token: SecretStr | None = Field(None, description="API token.")

    wordpress_urls: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Addresses of WordPress blogs, comma-separated."
    )
    wordpress_passwords: SecretStr | None = Field(
        None, description="Application passwords of blogs: ada.blog=user:password, comma-separated."
    )
    feeds: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Addresses of feeds, or files with a list of them (OPML too), comma-separated."
    )
    facebook_token: SecretStr | None = Field(
        None, description="Token of Meta's Graph API, for facebook and instagram."
    )
    facebook_url: str = Field("https://graph.facebook.com", description="Where Meta's Graph API is.")
    facebook_version: str = Field("v25.0", description="Version of Meta's Graph API.")
    linkedin_token: SecretStr | None = Field(None, description="Token of LinkedIn's REST API.")
    linkedin_organizations: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Ids of LinkedIn organisations to read, comma-separated."
    )
    linkedin_url: str = Field("https://api.linkedin.com", description="Where LinkedIn's REST API is.")
    linkedin_version: str = Field("202609", description="Version of LinkedIn's REST API, a year and month.")

    @field_validator("wordpress_urls", "feeds", "linkedin_organizations", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("networks", "crms", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().lower() for part in value.split(",") if part.strip())
        return value

    @field_validator("crm_secrets", mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            # Without the cause: it would carry the secrets along.
            raise ValueError('must be JSON such as {"name": "secret"}') from None

    @field_validator("taxonomy")
    @classmethod
    def _found(cls, value: str) -> str:
        return value if value == "default" else str(Path(value).expanduser().resolve())

    def job_options(self) -> dict[str, object]:
        """What every Spark job is told of the settings, whoever starts it."""
        return {
            "home": self.home,
            "master": self.spark_master,
            "driver_memory": self.spark_driver_memory,
            "model": self.model,
            "identity_confidence": self.identity_confidence,
            "taxonomy": self.taxonomy,
            "taxonomy_unknown": self.taxonomy_unknown,
        }

    @field_validator("home", "inbox", "campaigns", "crm_mappings", "crm_fields")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        # Subprocesses run in other folders; a relative home would mean another place there.
        if value is None or "://" in value:
            return value
        return str(Path(value).expanduser().resolve())


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The process's settings, read once."""
    return Settings()
