"""bluesky: public posts, likes, reposts, quotes, replies and follows of the AT Protocol, without an account.

Accounts are DIDs, contents are at:// addresses, which hold their author's DID. People who ask not to be shown
to anybody without an account (`!no-unauthenticated`) are left out.
"""

from orchestration.connectors.bluesky.asking import check, pull
from orchestration.connectors.bluesky.hidden import kept
from orchestration.connectors.bluesky.reading import FIELDS, rows
from orchestration.connectors.network import Network

__all__ = ["FIELDS", "NETWORK", "check", "kept", "pull", "rows"]

NETWORK = Network(
    name="bluesky",
    base_url=lambda settings: settings.bluesky_url,
    optional=("bluesky_url",),
    page="https://docs.bsky.app/docs/api/at-protocol-xrpc-api",
    history="posts: all; reactions: to posts of STATURE_REACTION_DAYS; reposts and follows are undated",
    blind="deleted posts of the watched, people who hide from readers without an account",
    follow_lists=("followers", "follows"),
    proof="real server, recorded answers",
)
