"""Tags and words in one form: case, '#', separators and CamelCase do not tell two tags apart."""

from __future__ import annotations

import re
import sys
import unicodedata


def _marks() -> str:
    """Combining marks as ranges of a character class: without them, Hindi or Thai words fall apart."""
    ranges, start, last = [], -2, -2
    for code in range(min(sys.maxunicode, 0xFFFF) + 1):
        if unicodedata.category(chr(code)).startswith("M"):
            if code != last + 1:
                ranges.append((start, last))
                start = code
            last = code
    ranges.append((start, last))
    return "".join(f"{chr(a)}-{chr(b)}" for a, b in ranges[1:])


LETTERS = rf"[^\W_]|[{_marks()}]"
"""What a word is made of, for a pattern: letters and digits of every script, and their marks."""

# "C++" and "C#" are words of their own; the '#' of a tag that follows a word is not part of it.
_WORD = re.compile(rf"(?:{LETTERS})+(?:\+\+|#(?!{LETTERS}))?")


def folded(text: str) -> str:
    """Text in the form in which it is compared: compatibility forms and case are gone."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def words(text: str) -> list[str]:
    """The words of a text, folded, in order."""
    return _WORD.findall(folded(text))


def key(tag: str) -> str:
    """What equal tags share: `#UrbanGardening`, `urban-gardening` and `urban gardening` are one tag."""
    return "".join(words(_bare(tag)))


def normalised(tag: str) -> str:
    """A tag as words of lower case with a space between them: `#UrbanGardening` is `urban gardening`.

    A tag without a letter or digit (an emoji) stays as it is. Normalising twice changes nothing.
    """
    bare = _bare(tag)
    found = [part for word in _WORD.findall(bare) for part in _parts(word)]
    return " ".join(found) if found else folded(bare).strip()


def _bare(tag: str) -> str:
    return unicodedata.normalize("NFKC", tag).strip().lstrip("#").strip()


def _parts(word: str) -> list[str]:
    """The folded parts of a CamelCase word: `HTMLParser` is html, parser; `iPhone` is one word."""
    whole = folded(word)
    if whole == word:
        return words(word)
    cuts = [0]
    for at in range(1, len(word)):
        before, here, after = word[at - 1], word[at], word[at + 1 : at + 2]
        if here.isupper() and (before.islower() or (before.isupper() and after.islower())):
            cuts.append(at)
    parts = [word[start:end] for start, end in zip(cuts, [*cuts[1:], len(word)], strict=True)]
    return words(word) if len(parts[0]) == 1 else [part for piece in parts for part in words(piece)]
