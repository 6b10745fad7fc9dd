"""Topics of running text: hashtags, and terms found as whole words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from spark_jobs.taxonomy.tags import LETTERS, words

MOST_CHARACTERS = 20_000
"""Of a text, so much is read: a hundred posts' worth. What follows does not change what it is about."""

MOST_TOPICS = 64
"""A text's topics at most, as many as the contract of activities takes."""

MOST_TAG_CHARACTERS = 256
"""A longer hashtag is no tag: the contract takes no longer topic."""

_MOST_WORDS = 8
_APART = " 0 "  # a word that is no term, so that two terms do not become one that nobody wrote
_HASHTAG = re.compile(rf"(?<!{LETTERS.replace('|', ')(?<!')})[#\uff03]((?:{LETTERS}|_)+)")
_SHORTEST_KEYWORD = 3
# A term of one such word is a hashtag, and everybody's talk otherwise ("Her", "Up" and "The The" are topics).
_SMALL_WORDS = frozenset((Path(__file__).parent / "small_words.txt").read_text(encoding="utf-8").split())


@dataclass(frozen=True)
class Keywords:
    """Terms as folded words with a space between them, and how many words the longest has by first word."""

    topics: dict[str, str]
    longest: dict[str, int]

    @classmethod
    def of(cls, terms: Iterable[tuple[str, str]]) -> Keywords:
        """From (term, topic); of equal terms the first counts."""
        topics: dict[str, str] = {}
        longest: dict[str, int] = {}
        for term, topic in terms:
            parts = term.split()
            alone = len(parts) == 1
            if not parts or len(parts) > _MOST_WORDS or (alone and _says_nothing(term)):
                continue
            topics.setdefault(term, topic)
            longest[parts[0]] = max(longest.get(parts[0], 0), len(parts))
        return cls(topics, longest)

    def topics_of(self, text: str, topic_of: Callable[[str], str | None]) -> list[str]:
        """Topics of a text; `topic_of` knows those of its hashtags.

        Each word begins at most `_MOST_WORDS` look-ups, and text beyond MOST_CHARACTERS is not read.
        """
        tags, terms = self._read(text)
        of_tags = (topic for topic in map(topic_of, tags) if topic is not None)
        return list(dict.fromkeys([*of_tags, *(self.topics[term] for term in terms)]))[:MOST_TOPICS]

    def reduced(self, text: str) -> str:
        """What `topics_of` looks at in a text, and no word beside it: its hashtags and its terms.

        Reducing twice changes nothing, and neither does it change the topics.
        """
        tags, terms = self._read(text)
        return " ".join([*(f"#{tag}" for tag in tags), _APART.join(terms)]).strip()

    def _read(self, text: str) -> tuple[list[str], list[str]]:
        """Hashtags and terms of a text, each once, in order."""
        read = text[:MOST_CHARACTERS]
        tags = dict.fromkeys(tag for tag in _HASHTAG.findall(read) if len(tag) <= MOST_TAG_CHARACTERS)
        return list(tags), list(dict.fromkeys(self._terms_in(words(_HASHTAG.sub(" ", read)))))

    def _terms_in(self, spoken: list[str]) -> Iterable[str]:
        at = 0
        while at < len(spoken):
            most = min(self.longest.get(spoken[at], 0), len(spoken) - at)
            for many in range(most, 0, -1):
                term = " ".join(spoken[at : at + many])
                if term in self.topics:
                    yield term
                    at += many
                    break
            else:
                at += 1


def _says_nothing(word: str) -> bool:
    return word in _SMALL_WORDS or len(word) < _SHORTEST_KEYWORD or word.isdigit()
