"""WordPress: posts, comments and pingbacks of any blog that offers its REST API.

Ids are unique in a blog only, so each is written after the blog's address: `ada.blog/p12` is a post,
`ada.blog/c7` a comment, `ada.blog/u3` a user. A guest is known by the page that he states, or by name:
`guest:bob.example/me`, `guest:ada.blog:<hash of the name>`. Anybody can state any page: so a guest is never
the account of the blog whose address he gives. A pingback is: WordPress fetched the page and found the link.
But it shows pingbacks only to those who may moderate, which needs an application password of the blog.
`asking.py` drives the requests, `reading.py` maps the answers.
"""

from orchestration.connectors.network import Network
from orchestration.connectors.wordpress.asking import check, pull
from orchestration.connectors.wordpress.reading import FIELDS, kept, rows

__all__ = ["FIELDS", "NETWORK", "check", "kept", "pull", "rows"]

NETWORK = Network(
    name="wordpress",
    base_url="",
    page="https://developer.wordpress.org/rest-api/reference/",
    needs=("wordpress_urls",),
    optional=("wordpress_passwords",),
    history="everything that the blog still shows; a pull takes the last 90 days at most",
    blind="pingbacks without the blog's password, likes (there are none), what waits for approval, deletions",
    proof="real server",
)
