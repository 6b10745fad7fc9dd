"""YouTube, by its Data API v3: videos, what is written under them, and whom channels openly subscribe to.

`asking.py` drives the requests, `reading.py` maps the answers. Likes have no names there.
"""

from orchestration.connectors.network import Credentials, Network
from orchestration.connectors.youtube.asking import check, later, meant, pull
from orchestration.connectors.youtube.reading import FIELDS, kept, rows
from orchestration.settings import Settings

__all__ = ["FIELDS", "NETWORK", "check", "credentials", "kept", "pull", "rows"]

NETWORK = Network(
    name="youtube",
    base_url=lambda settings: settings.youtube_url,
    needs=("youtube_key",),
    page="https://developers.google.com/youtube/v3/docs",
    history="all public videos; comments under those that are new enough, dated",
    blind="who likes; comments where they are switched off or held back; unlisted videos; whom a reply names",
    proof="recorded answers",
    gone=(404, 410),
    later=later,
    meant=meant,
)


def credentials(settings: Settings) -> Credentials:
    """The key goes in a header: an address ends up in logs."""
    key = settings.youtube_key
    return Credentials({"X-Goog-Api-Key": key.get_secret_value()} if key else {})
