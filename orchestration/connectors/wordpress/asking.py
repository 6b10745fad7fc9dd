"""One day asked of blogs that run WordPress: which blogs, where their API is, who may see what."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from dlt.sources.helpers.rest_client.paginators import BasePaginator
from requests import Request, Response

from orchestration.connectors.answers import Answer, Unreadable
from orchestration.connectors.client import AnswerError, Client, ConnectorError
from orchestration.connectors.fields import (
    maybe_text,
    node,
)
from orchestration.connectors.hypertext import text_of
from orchestration.connectors.network import Asked
from orchestration.connectors.sites import address_of, is_public_name
from orchestration.settings import Settings

_FULL_PAGE = 100
_THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})
# `after` and `before` are read in the blog's own time zone by old versions: a day more on both sides is asked
# for, and the mapping takes what belongs to the pull by the date in UTC.
_MARGIN = timedelta(days=1)


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
    _, answer = _found(client, blog, password_of(client.settings, blog))
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
    headers = password_of(asked.settings, blog)
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


def password_of(settings: Settings, blog: Blog) -> dict[str, str]:
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
