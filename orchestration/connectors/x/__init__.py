"""X, by its API v2: what those asked for write and pass on, and who likes, passes on and quotes theirs.

`asking.py` drives the requests, `reading.py` maps the answers.
"""

from orchestration.connectors.network import Credentials, Network
from orchestration.connectors.x.asking import check, later, meant, pull
from orchestration.connectors.x.reading import FIELDS, kept, rows
from orchestration.settings import Settings

__all__ = ["FIELDS", "NETWORK", "check", "credentials", "kept", "pull", "rows"]

NETWORK = Network(
    name="x",
    base_url=lambda settings: settings.x_url,
    needs=("x_token",),
    page="https://docs.x.com/x-api",
    history="the newest 3,200 posts of an account and the newest 800 that name it; likes and reposts undated",
    blind="protected accounts; likes, unless the token is the author's; replies that do not name the author",
    proof="recorded answers",
    later=later,
    meant=meant,
)


def credentials(settings: Settings) -> Credentials:
    token = settings.x_token
    return Credentials({"Authorization": f"Bearer {token.get_secret_value()}"} if token else {})
