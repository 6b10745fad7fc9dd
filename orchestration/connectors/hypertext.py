"""The text and the links of a piece of HTML. Takes time in proportion to its length, and never raises."""

from __future__ import annotations

import html
import re

MOST_CHARACTERS = 200_000
"""Of one piece so much is read: the length of a short novel, and ten times what topics are read from."""

# No '<' inside of a tag: an unclosed one then ends at the next, and no text is searched twice.
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:-]*+)([^<>]*+)>|<!--|<[!?][^<>]*+>")
_HREF = re.compile(r"\bhref\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)
_SPACES = re.compile(r"\s+")
_UNSEEN = frozenset({"script", "style", "template", "noscript", "iframe", "svg"})
# A word goes on across these; any other tag ends it.
_INLINE = frozenset(
    {"a", "abbr", "b", "bdi", "bdo", "cite", "code", "del", "em", "font", "i", "ins", "kbd", "mark", "q", "s",
     "small", "span", "strong", "sub", "sup", "u", "var", "wbr"}
)  # fmt: skip


def text_of(markup: str) -> str:
    """What a reader sees, in one line. Text without '<' and '&' stays what it is, but for its spaces."""
    return _read(markup)[0]


def links_of(markup: str) -> list[str]:
    """Where its links lead, each once, in order."""
    return list(dict.fromkeys(_read(markup)[1]))


def as_html(text: str) -> str:
    """HTML of which `text_of` gives the text again."""
    return html.escape(text, quote=False)


def _read(markup: str) -> tuple[str, list[str]]:
    read = markup[:MOST_CHARACTERS]
    parts: list[str] = []
    links: list[str] = []
    at = 0
    while found := _TAG.search(read, at):
        parts.append(read[at : found.start()])
        at = found.end()
        closing, name, attributes = found[1], (found[2] or "").lower(), found[3]
        if found[0] == "<!--":
            at = _past(read, "-->", at)
        elif name in _UNSEEN and not closing:
            at = _past_tag(read, name, at)
        elif name == "a" and (href := _HREF.search(attributes)):
            links.append(html.unescape(href[1] or href[2] or href[3] or "").strip())
        if name not in _INLINE:
            parts.append(" ")
    parts.append(read[at:])
    return _SPACES.sub(" ", html.unescape("".join(parts))).strip(), links


def _past(read: str, what: str, at: int) -> int:
    """The place after `what`; the end where it does not come: what is not closed hides all that follows."""
    found = read.find(what, at)
    return len(read) if found < 0 else found + len(what)


def _past_tag(read: str, name: str, at: int) -> int:
    found = re.compile(rf"</{name}\b[^<>]*>", re.IGNORECASE).search(read, at)
    return len(read) if found is None else found.end()
