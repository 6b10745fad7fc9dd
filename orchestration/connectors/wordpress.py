"""WordPress: posts, comments and pingbacks of any blog that offers its REST API.

Ids are unique in a blog only, so each is written after the blog's address: `ada.blog/p12` is a post,
`ada.blog/c7` a comment, `ada.blog/u3` a user. A guest is known by the page that he states, or by name:
`guest:bob.example/me`, `guest:ada.blog:<hash of the name>`. Anybody can state any page: so a guest is never
the account of the blog whose address he gives. A pingback is: WordPress fetched the page and found the link.
But it shows pingbacks only to those who may moderate, which needs an application password of the blog.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from dlt.sources.helpers.rest_client.paginators import BasePaginator
from requests import Request, Response

from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.client import AnswerError, Client, ConnectorError
from orchestration.connectors.contract_rows import account, accounts_once, activity, topics_of
from orchestration.connectors.fields import (
    Node,
    array,
    each,
    identity,
    maybe_count,
    maybe_identity,
    maybe_node,
    maybe_text,
    moment,
    node,
    text,
    whole,
)
from orchestration.connectors.hypertext import as_html, text_of
from orchestration.connectors.network import Asked, Network
from orchestration.connectors.sites import address_of, host_of, is_public_name
from orchestration.connectors.storing import storable
from orchestration.settings import Settings

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

FIELDS: Mapping[str, Mapping[str, str]] = {
    "posts": {
        "id": "integer", "author": "integer", "date_gmt": "string", "status": "string", "title": "object",
        "content": "object", "excerpt": "object",
    },
    "comments": {
        "id": "integer", "post": "integer", "parent": "integer", "author": "integer", "author_name": "string",
        "author_url": "string", "date_gmt": "string", "status": "string", "type": "string",
    },
    "users": {"id": "integer", "slug": "string", "name": "string"},
}  # fmt: skip
"""What the mapping reads of each route, with its type in the service's own schema."""

_FULL_PAGE = 100
_THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})
# `after` and `before` are read in the blog's own time zone by old versions: a day more on both sides is asked
# for, and the mapping takes what belongs to the pull by the date in UTC.
_MARGIN = timedelta(days=1)
_PUBLIC = frozenset({"publish", "approve", "approved"})
_REPLIES = frozenset({"comment", "review", ""})
_CLAIMED_MENTIONS = frozenset({"trackback"})
_PROVED_MENTIONS = frozenset({"pingback", "webmention"})
_TOPIC_TAXONOMIES = frozenset({"post_tag"})
# The picture's address is a hash of the e-mail address.
_NEVER_KEPT = frozenset(
    {"author_avatar_urls", "avatar_urls", "author_email", "author_ip", "author_user_agent", "email",
     "password", "first_name", "last_name", "nickname", "meta"}
)  # fmt: skip


# --- asking ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Blog:
    """A blog to ask. `home` is its address; `routed`: its API is under `?rest_route=`, or None if unknown."""

    home: str
    routed: bool | None

    @property
    def site(self) -> str:
        return address_of(self.home) or self.home

    def call(self, route: str, params: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Address and parameters of a call."""
        if self.routed:
            return f"{self.home}/", {"rest_route": route, **params}
        return f"{self.home}/wp-json{route}", dict(params)


class Pages(BasePaginator):
    """Numbered pages, as many as X-WP-TotalPages says; without that header, until one is not full."""

    def __init__(self) -> None:
        super().__init__()
        self._page = 1

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        total = response.headers.get("X-WP-TotalPages", "")
        self._has_next_page = self._page < int(total) if total.isdecimal() else len(data or ()) >= _FULL_PAGE
        self._page += 1

    def update_request(self, request: Request) -> None:
        request.params = {**(request.params or {}), "page": self._page}  # type: ignore[dict-item]


def pull(client: Client, asked: Asked) -> None:
    """Posts and comments of each blog within the days asked for, and who writes there."""
    for blog in blogs_of(asked):
        with client.apart(f"blog {blog.site}"):
            _pull_blog(client, blog, asked)


def check(client: Client) -> str:
    """What the first blog of the settings calls itself."""
    if not client.settings.wordpress_urls:
        raise ConnectorError("STATURE_WORDPRESS_URLS names no blog.")
    blog = _blog(client.settings.wordpress_urls[0])
    _, answer = _found(client, blog, _password(client.settings, blog))
    try:
        said = node(answer.json(), "root")
    except Unreadable as error:
        raise AnswerError(str(error), answer) from None
    return f"the blog {text_of(maybe_text(said, 'name') or '') or blog.site}"


def blogs_of(asked: Asked) -> list[Blog]:
    """The blogs of the settings, of the watch list and of the CRM's contacts, each once.

    What a contact states as his blog is asked only where it is a name of the web: never a machine of ours.
    Pages of guests who reacted are never asked.
    """
    stated = [
        (account.origin, account.handle or account.account_id or "")
        for account in asked.accounts
        if account.origin in {"watch", "crm"}
    ]
    urls = [*asked.settings.wordpress_urls]
    urls += [url for origin, url in stated if "." in url and (origin == "watch" or is_public_name(url))]
    blogs: dict[str, Blog] = {}
    for url in urls:
        blogs.setdefault(_blog(url).site, _blog(url))
    return list(blogs.values())


def _blog(url: str) -> Blog:
    """A blog from its address, or from the address of its API."""
    full = url.strip() if "://" in url else f"https://{url.strip()}"
    split = urlsplit(full)
    home = f"{split.scheme}://{split.netloc}{split.path}"
    if "rest_route=" in split.query:
        return Blog(home.removesuffix("index.php").rstrip("/"), routed=True)
    before, api, _ = home.partition("/wp-json")
    return Blog(before.rstrip("/"), routed=False if api else None)


def _found(client: Client, blog: Blog, headers: Mapping[str, str]) -> tuple[Blog, Answer]:
    """The blog with its API's place known, and what it says of itself. AnswerError where it has none."""
    # Every WordPress knows ?rest_route=, also one without readable addresses; some caches do not.
    unknown = blog.routed is None
    forms = [Blog(blog.home, routed) for routed in (True, False)] if unknown else [blog]
    for last, form in enumerate(forms, start=1):
        url, params = form.call("/", {"_fields": "name,url,namespaces"})
        try:
            return form, client.get("root", url, params, _about(blog, headers), headers)
        except AnswerError:
            if last == len(forms):
                raise
    raise AssertionError("there is always a form to try")


def _pull_blog(client: Client, blog: Blog, asked: Asked) -> None:
    headers = _password(asked.settings, blog)
    blog, _ = _found(client, blog, headers)
    when = {
        "after": (asked.since - _MARGIN).isoformat().replace("+00:00", "Z"),
        "before": (asked.until + _MARGIN).isoformat().replace("+00:00", "Z"),
        "order": "asc", "per_page": _FULL_PAGE,
    }  # fmt: skip
    posts = {
        **when,
        "_fields": "id,author,date_gmt,status,type,link,title,content,excerpt,_links,_embedded",
        "_embed": "author,wp:term",
    }
    comments = {
        **when,
        "_fields": "id,post,parent,author,author_name,author_url,date_gmt,status,type,link,_links,_embedded",
        "_embed": "author,up,in-reply-to",
    }
    users = {"per_page": _FULL_PAGE, "_fields": "id,slug,name,link"}
    calls = [("posts", "posts", posts), ("comments", "comments", comments), ("users", "users", users)]
    if headers:
        # The list of comments leaves these out, and shows them to nobody but those who may moderate. Whoever
        # comes with a wrong password is answered as a guest.
        calls += [
            (f"{kind}s (by STATURE_WORDPRESS_PASSWORDS)", "comments", {**comments, "type": kind})
            for kind in ("pingback", "trackback")
        ]
    for what, endpoint, params in calls:
        # Many blogs close the list of users: whoever wrote something comes with it.
        with client.apart(f"{what} of blog {blog.site}"):
            url, params_there = blog.call(f"/wp/v2/{endpoint}", params)
            about = _about(blog, headers)
            for _ in client.pages(endpoint, url, params_there, about, Pages(), items="$", headers=headers):
                pass


def _about(blog: Blog, headers: Mapping[str, str]) -> dict[str, str]:
    """Whose answer it is, and to whom it was given: a guest is answered otherwise."""
    return {"site": blog.site, **({"as": "moderator"} if headers else {})}


def _password(settings: Settings, blog: Blog) -> dict[str, str]:
    """The header that logs in to this blog and no other, where the settings have an application password."""
    if settings.wordpress_passwords is None:
        return {}
    for entry in settings.wordpress_passwords.get_secret_value().split(","):
        site, equals, login = entry.strip().partition("=")
        if not equals or ":" not in login:
            raise ConnectorError(
                "STATURE_WORDPRESS_PASSWORDS: write ada.blog=user:password, a comma, the next."
            )
        if address_of(site) == blog.site:
            split = urlsplit(blog.home)
            if split.scheme != "https" and split.hostname not in _THIS_MACHINE:
                raise ConnectorError(f"STATURE_WORDPRESS_PASSWORDS: {blog.site} is asked without https.")
            return {"Authorization": f"Basic {b64encode(login.encode()).decode()}"}
    return {}


# --- reading --------------------------------------------------------------------------------------


def rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    """The contract rows in an answer. Pure, and raises for no body whatever."""
    yield from accounts_once(whole(answer, lambda: _rows(answer, reading)))


def _rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    site = _site(answer)
    if answer.endpoint == "root":
        said = node(answer.json(), "root")
        name = text_of(maybe_text(said, "name") or "") or None
        yield account("wordpress", site, site, answer.received_at, display_name=name)
        return
    readers: Mapping[str, Callable[[Node], Iterator[Row | Refused]]] = {
        "posts": lambda item: _post(item, site, answer, reading),
        "comments": lambda item: _comment(item, site, answer, reading),
        "users": lambda item: iter([_user(item, site, answer)]),
    }
    if read := readers.get(answer.endpoint):
        body = answer.json()
        # One post, asked for by its id, is an object.
        items = [body] if isinstance(body, dict) else array({"answer": body}, "answer")
        yield from each(answer, answer.endpoint, items, read)


def kept(answer: Answer, reduce: Callable[[str], str]) -> Answer:
    """The answer as it may be stored: texts reduced, without e-mail addresses and what is made of them."""

    def reduced(markup: str) -> str:
        return as_html(reduce(text_of(markup)))

    return storable(
        answer, reduced, texts=("rendered", "raw", "description"), dropped=_NEVER_KEPT, private=_is_private
    )


def _is_private(item: Mapping[str, Any]) -> bool:
    """Not published, or behind a password. Errors have a number as their status."""
    status, content = item.get("status"), item.get("content")
    hidden = isinstance(status, str) and status not in _PUBLIC
    return hidden or (isinstance(content, dict) and content.get("protected") is True)


def _site(answer: Answer) -> str:
    """The blog that answered: as it was asked, or as the address of the call tells."""
    if site := answer.about.get("site"):
        return site
    address = address_of(answer.url)
    if address is None:
        raise Unreadable("missing_column", f"{answer.endpoint}: which blog answered is not known")
    return address.partition("/wp-json")[0]


def _post(item: Node, site: str, answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    if _is_private(item):
        return
    yield from _authors(item, site, answer)
    at = _gmt(item, "date_gmt")
    if not reading.covers(at):
        return
    terms = [term for terms in _embedded(item, "wp:term") if isinstance(terms, list) for term in terms]
    named = [(maybe_text(term, "taxonomy"), text(term, "name")) for term in terms if isinstance(term, dict)]
    # A tag is a topic of its own; a category ("News") only where the taxonomy knows the word.
    tags = [text_of(name) for taxonomy, name in named if taxonomy in _TOPIC_TAXONOMIES]
    words = [text_of(name) for taxonomy, name in named if taxonomy == "category"]
    texts = [text_of(maybe_text(item, field, "rendered") or "") for field in ("title", "content", "excerpt")]
    content = f"{site}/p{identity(item, 'id')}"
    yield activity(
        "wordpress", "post", content,
        actor=_author(item, site), at=at, content=content, topics=topics_of(reading, [*texts, *words], tags),
    )  # fmt: skip


def _comment(item: Node, site: str, answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    if _is_private(item):
        return
    kind = maybe_text(item, "type") or ""
    if kind not in _REPLIES | _CLAIMED_MENTIONS | _PROVED_MENTIONS:
        raise Unreadable("not_in_set", "type is none that we know")
    actor, known = _writer(item, site, answer)
    yield from _authors(item, site, answer)
    if known is not None:
        yield known
    at = _gmt(item, "date_gmt")
    if not reading.covers(at):
        return
    own = f"{site}/c{identity(item, 'id')}"
    post = _one(item, "up")
    if kind not in _REPLIES:
        yield activity("wordpress", "mention", own, actor=actor, at=at, target=_author(post, site))
        return
    parent = maybe_count(item, "parent") or 0
    if parent:
        content, target = f"{site}/c{parent}", _writer(_one(item, "in-reply-to"), site, answer)[0]
    else:
        content, target = f"{site}/p{identity(item, 'post')}", _author(post, site)
    yield activity("wordpress", "reply", own, actor=actor, at=at, target=target, content=content)


def _author(item: Node, site: str) -> str:
    """Who wrote a post. A post whose user is gone says 0."""
    author = maybe_identity(item, "author")
    if author in (None, "0"):
        raise Unreadable("null_required", "author of the post")
    return f"{site}/u{author}"


def _writer(item: Node, site: str, answer: Answer) -> tuple[str, Row | None]:
    """Who wrote a comment, and a snapshot of him where the comment alone tells of him."""
    author = maybe_identity(item, "author")
    name = text_of(maybe_text(item, "author_name") or "")
    # A name with an at sign is an e-mail address that slipped in.
    shown = name if name and "@" not in name else None
    if author not in (None, "0"):
        own = f"{site}/u{author}"
        listed = any(isinstance(user, dict) and "slug" in user for user in _embedded(item, "author"))
        return own, None if listed else account("wordpress", own, own, answer.received_at, display_name=shown)
    url = maybe_text(item, "author_url") or ""
    if maybe_text(item, "type") in _PROVED_MENTIONS and (host := host_of(url)):
        return host, account("wordpress", host, host, answer.received_at)
    if "://" in url and (address := address_of(url)):
        guest = address
    elif name:
        guest = f"{site}:{hashlib.sha256(name.casefold().encode()).hexdigest()[:16]}"
    else:
        raise Unreadable("null_required", "author of the comment")
    return f"guest:{guest}", account(
        "wordpress", f"guest:{guest}", f"guest:{guest}", answer.received_at, display_name=shown
    )


def _authors(item: Node, site: str, answer: Answer) -> Iterator[Row]:
    """The users that came along. Where one is closed to us, an error stands in his place."""
    for user in _embedded(item, "author"):
        if isinstance(user, dict) and "slug" in user:
            yield _user(user, site, answer)


def _user(item: Node, site: str, answer: Answer) -> Row:
    name = text_of(maybe_text(item, "name") or "")
    return account(
        "wordpress", f"{site}/u{identity(item, 'id')}", f"{site}/{text(item, 'slug')}", answer.received_at,
        display_name=name if name and "@" not in name else None,
    )  # fmt: skip


def _embedded(item: Node, relation: str) -> list[Any]:
    return array(maybe_node(item, "_embedded"), relation)


def _one(item: Node, relation: str) -> Node:
    """What a comment answers; null_required where it is gone or closed to us."""
    found = _embedded(item, relation)
    if not found or not isinstance(found[0], dict) or "id" not in found[0]:
        raise Unreadable("null_required", f"_embedded.{relation}")
    return found[0]


def _gmt(item: Node, name: str) -> datetime:
    """A moment that WordPress writes in UTC without saying so."""
    stamp = text(item, name)
    return moment({name: stamp if stamp[-1] in "Zz" or "+" in stamp else f"{stamp}+00:00"}, name)
