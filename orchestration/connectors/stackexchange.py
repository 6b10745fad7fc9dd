"""stackexchange: questions, answers and comments of the sites of Stack Exchange, by its API 2.3.

Votes are anonymous there, so what counts is who answers and who comments. An answer or comment does not say
whose post it is about: the owners of posts are asked for first, and go along with the requests for the rest.
Bodies are not asked for: tags and titles say what a question is about.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from dlt.sources.helpers.rest_client.paginators import PageNumberPaginator

from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.client import AnswerError, Client
from orchestration.connectors.contract_rows import account, activity, once, topics_of
from orchestration.connectors.fields import (
    Node,
    a_node,
    array,
    each,
    identity,
    maybe_count,
    maybe_identity,
    maybe_node,
    maybe_text,
    message,
    node,
    whole,
)
from orchestration.connectors.hypertext import as_html, text_of
from orchestration.connectors.network import Asked, Credentials, Network, NetworkDownError
from orchestration.connectors.storing import storable
from orchestration.settings import Settings

__all__ = ["NETWORK", "check", "credentials", "kept", "pull", "rows"]

NAME = "stackexchange"

NETWORK = Network(
    name=NAME,
    base_url=lambda settings: settings.stackexchange_url,
    optional=("stackexchange_sites", "stackexchange_key"),
    page="https://api.stackexchange.com/docs",
    history="everything that is not deleted",
    blind="votes, which are anonymous; what was deleted; accounts are watched by number: 22656@stackoverflow",
    proof="unproven",
)

_AT_ONCE = 100
_TEXTS = frozenset({"title", "body", "body_markdown", "about_me", "error_message"})
# Who has waited need not wait again for the same answer.
_DROPPED = frozenset({"backoff", "quota_max", "quota_remaining", "profile_image", "website_url", "link"})


def credentials(settings: Settings) -> Credentials:
    key = settings.stackexchange_key
    return Credentials(params={"key": key.get_secret_value()} if key else {})


# --- asking ---------------------------------------------------------------------------------------


@dataclass
class Site:
    """One site, and what its answers have told so far: posts by number, with the accounts that own them."""

    client: Client
    asked: Asked
    name: str
    owners: dict[str, str] = field(default_factory=dict)

    def ask(self, users: list[str]) -> None:
        oldest = self.asked.since - timedelta(days=self.asked.reaction_days)
        questions, posts = set[str](), set[str]()
        for some in _batches(users):
            self._ids("users", f"users/{some}")
            for item in self._ids("user_questions", f"users/{some}/questions", oldest):
                self._own(item, "question_id", questions, posts)
            for item in self._ids("user_answers", f"users/{some}/answers", oldest):
                self._own(item, "answer_id", set(), posts)
                if _when(item) >= self.asked.since:
                    questions.add(identity(item, "question_id"))
            for item in self._ids("user_comments", f"users/{some}/comments", self.asked.since):
                posts.add(identity(item, "post_id"))
        for some in _batches((questions | posts) - self.owners.keys()):
            for item in self._ids("posts", f"posts/{some}"):
                self._own(item, "post_id", set(), set())
        for endpoint, numbers in (("questions/{}/answers", questions), ("posts/{}/comments", posts)):
            for some in _batches(numbers):
                owners = {n: self.owners[n] for n in some.split(";") if n in self.owners}
                name = endpoint.rpartition("/")[2]
                self._ids(name, endpoint.format(some), self.asked.since, {"owners": json.dumps(owners)})

    def _own(self, item: Node, number: str, *into: set[str]) -> None:
        post = identity(item, number)
        if owner := _account(maybe_node(item, "owner"), self.name):
            self.owners[post] = owner
        for known in into:
            known.add(post)

    def _ids(
        self,
        endpoint: str,
        path: str,
        since: datetime | None = None,
        about: Mapping[str, str] | None = None,
    ) -> list[Node]:
        """Ask for a list, and wait as long as its answers say. Its items, but for those that are none."""
        params: dict[str, Any] = {"site": self.name, "pagesize": _AT_ONCE}
        if since is not None:
            window = {"fromdate": int(since.timestamp()), "todate": int(self.asked.until.timestamp()) - 1}
            params |= {"order": "desc", "sort": "creation", **window}
        told = {"site": self.name, **(about or {"owners": "asked"})}
        paginator = PageNumberPaginator(
            base_page=1,
            page_param="page",
            total_path=None,
            has_more_path="has_more",
            stop_after_empty_page=False,
        )
        found: list[Node] = []
        with self.client.apart(f"{endpoint} of {self.name}"):
            try:
                url = f"{self.asked.settings.stackexchange_url.rstrip('/')}/{path}"
                for page in self.client.pages(endpoint, url, params, told, paginator, items="items"):
                    body = node(page.json(), endpoint)
                    self.client.pause(maybe_count(body, "backoff") or 0, "asks for a pause")
                    found += [item for item in array(body, "items") if _is_sound(item)]
            except AnswerError as error:
                if said := _throttled(error):
                    raise NetworkDownError(f"stackexchange wants no more requests: {said}.") from None
                raise
            except Unreadable as problem:
                raise AnswerError(f"{endpoint} cannot be read: {problem}") from None
        return found


def pull(client: Client, asked: Asked) -> None:
    """What watched accounts asked, answered and commented on each site, and what came back."""
    for site in sites(asked.settings):
        users = set()
        for watched in asked.accounts:
            if watched.account_id:
                place, _, number = watched.account_id.partition("/")
            else:
                number, _, place = (watched.handle or "").strip().lstrip("@").partition("@")
            if not number.isdigit():
                client.note(f"{number}: Stack Exchange accounts go by number, such as 22656@stackoverflow")
            elif place.lower() == site:
                users.add(number)
        if users:
            Site(client, asked, site).ask(sorted(users, key=int))


def check(client: Client) -> str:
    """How much may still be asked today."""
    said = node(client.get("info", "info", {"site": sites(client.settings)[0]}).json(), "info")
    left = maybe_count(said, "quota_remaining")
    return f"{left:,} requests left today" if left is not None else "a site"


def sites(settings: Settings) -> list[str]:
    """The API names of the sites."""
    found = [name.strip().lower() for name in settings.stackexchange_sites.split(",") if name.strip()]
    return list(dict.fromkeys(found)) or ["stackoverflow"]


def _batches(numbers: Iterable[str]) -> Iterator[str]:
    """A hundred at a time, as addresses have them."""
    ordered = sorted(numbers, key=int)
    for at in range(0, len(ordered), _AT_ONCE):
        yield ";".join(ordered[at : at + _AT_ONCE])


def _is_sound(item: Any) -> bool:
    """Whether the pull can go on from an item; one from which it cannot is refused where its row is made."""
    try:
        told = node(item, "items")
        _when(told) if "creation_date" in told else None
        maybe_node(told, "owner")
        return all(
            str(told[name]).isdigit()
            for name in ("question_id", "answer_id", "post_id", "user_id")
            if name in told
        )
    except Unreadable:
        return False


def _throttled(error: AnswerError) -> str | None:
    """What the service says where it wants to be left alone."""
    try:
        said = node(error.answer.json(), "error") if error.answer else {}
    except Unreadable:
        return None
    return str(said.get("error_message", "later")) if said.get("error_name") == "throttle_violation" else None


# --- reading --------------------------------------------------------------------------------------


def rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    """The contract rows in an answer."""
    yield from once(whole(answer, lambda: _rows(answer, reading)))


def kept(answer: Answer, reduce: Callable[[str], str]) -> Answer:
    """The answer as it may be stored."""
    return storable(answer, lambda told: as_html(reduce(text_of(told))), texts=_TEXTS, dropped=_DROPPED)


def _rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    if not answer.ok or answer.endpoint == "info":
        return
    read = {
        "users": _user,
        "user_questions": _question,
        "questions": _question,
        "posts": _post,
        "user_answers": _answer,
        "answers": _answer,
        "user_comments": _comment,
        "comments": _comment,
    }.get(answer.endpoint)
    if read is not None:
        items = array(node(answer.json(), answer.endpoint), "items")
        yield from each(answer, "items", items, lambda item: read(item, answer, reading))


def _user(user: Node, answer: Answer, _: Reading) -> Iterator[Row]:
    """A profile, and the number under which all sites know the person."""
    site = _site(answer)
    known, opened = _needed(user, site, "user_id"), _epoch(user)
    yield account(
        NAME,
        known,
        _handle(user, site),
        answer.received_at,
        display_name=_name(user),
        region=maybe_text(user, "location") or None,
        created_at=opened,
    )
    everywhere = maybe_identity(user, "account_id")
    if everywhere and opened:
        # As old as the account: whoever says later whose it is knows better.
        link = {
            "network": NAME,
            "account_id": known,
            "person_key": f"{NAME}:{everywhere}",
            "share": 1.0,
            "confidence": 1.0,
            "method": "same_network_profile",
            "observed_at": opened,
        }
        yield Row("identity_links", link)


def _question(item: Node, answer: Answer, reading: Reading) -> Iterator[Row]:
    actor, at = yield from _authored(item, answer)
    if reading.covers(at):
        content = f"{_site(answer)}/{identity(item, 'question_id')}"
        tags = [tag for tag in array(item, "tags") if isinstance(tag, str)]
        topics = topics_of(reading, [text_of(message(item, "title"))], tags)
        yield activity(NAME, "post", content, actor=actor, at=at, content=content, topics=topics)


def _post(item: Node, answer: Answer, _: Reading) -> Iterator[Row]:
    """A post that is asked for to know whose it is; of those who left there is nothing to know."""
    if _account(a_node(item, "owner"), _site(answer)):
        yield from _authored(item, answer)


def _answer(item: Node, answer: Answer, reading: Reading) -> Iterator[Row]:
    actor, at = yield from _authored(item, answer)
    if reading.covers(at) and answer.about.get("owners") != "asked":
        question = identity(item, "question_id")
        yield _reply(answer, identity(item, "answer_id"), actor, at, question, _owner(answer, question))


def _comment(item: Node, answer: Answer, reading: Reading) -> Iterator[Row]:
    actor, at = yield from _authored(item, answer)
    if reading.covers(at) and answer.about.get("owners") != "asked":
        post = identity(item, "post_id")
        target = _account(maybe_node(item, "reply_to_user"), _site(answer)) or _owner(answer, post)
        yield _reply(answer, f"comment-{identity(item, 'comment_id')}", actor, at, post, target)


def _reply(answer: Answer, number: str, actor: str, at: datetime, post: str, target: str | None) -> Row:
    if target is None:
        raise Unreadable("null_required", "owner of the post that was answered")
    site = _site(answer)
    return activity(
        NAME, "reply", f"{site}/{number}", actor=actor, at=at, target=target, content=f"{site}/{post}"
    )


def _authored(item: Node, answer: Answer) -> Generator[Row, None, tuple[str, datetime]]:
    """A snapshot of the author; who that is, and when it was written."""
    site, owner = _site(answer), a_node(item, "owner")
    actor = _needed(owner, site, "owner.user_id")
    yield account(NAME, actor, _handle(owner, site), answer.received_at, display_name=_name(owner))
    return actor, _when(item)


def _site(answer: Answer) -> str:
    return answer.about.get("site", "stackoverflow")


def _owner(answer: Answer, post: str) -> str | None:
    found = json.loads(answer.about.get("owners", "{}")).get(post)
    return str(found) if found else None


def _account(user: Node, site: str) -> str | None:
    """`site/number`; None for those who left."""
    number = maybe_identity(user, "user_id")
    return f"{site}/{number}" if number else None


def _needed(user: Node, site: str, name: str) -> str:
    known = _account(user, site)
    if known is None:
        raise Unreadable("null_required", name)
    return known


def _handle(user: Node, site: str) -> str:
    return f"{identity(user, 'user_id')}@{site}"


def _name(user: Node) -> str | None:
    told = maybe_text(user, "display_name")
    return None if told is None else text_of(told)


def _when(item: Node) -> datetime:
    found = _epoch(item)
    if found is None:
        raise Unreadable("null_required", "creation_date")
    return found


def _epoch(item: Node) -> datetime | None:
    seconds = maybe_count(item, "creation_date")
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise Unreadable("out_of_range", "creation_date") from None
