"""GitHub, by its REST API: who stars, forks, answers, reviews and follows whom.

A repository is content of its owner, a person or an organisation: a star is a like, a fork a repost, an issue
or pull request by somebody else a reply. What is said on an issue answers whoever opened it.
`asking.py` drives the requests, `reading.py` maps the answers, `keeping.py` says what of them is stored.
"""

from orchestration.connectors.github.asking import check, later, pull
from orchestration.connectors.github.keeping import kept
from orchestration.connectors.github.reading import FIELDS, rows
from orchestration.connectors.network import Credentials, Network
from orchestration.settings import Settings

__all__ = ["FIELDS", "NETWORK", "check", "credentials", "kept", "pull", "rows"]

NETWORK = Network(
    name="github",
    base_url=lambda settings: settings.github_url,
    optional=("github_token",),
    page="https://docs.github.com/rest",
    history="stars, forks, issues, comments and reviews of any day; what accounts do elsewhere for 30 days",
    blind="private repositories; discussions; comments on commits; whom a text names; when a follow began",
    follow_lists=("followers", "following"),
    proof="recorded answers",
    later=later,
)


def credentials(settings: Settings) -> Credentials:
    token = settings.github_token
    version = {"X-GitHub-Api-Version": "2022-11-28"}
    return Credentials(version | ({"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}))
