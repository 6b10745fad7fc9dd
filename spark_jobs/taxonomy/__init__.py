"""Which topics there are, and which tags and words speak of them.

A taxonomy is read from a file (`formats.py`) and is pure after that: no clock, no path, no Spark.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal

from spark_jobs.taxonomy.formats import TaxonomyError, Topic, read_topics
from spark_jobs.taxonomy.tags import key, normalised, words
from spark_jobs.taxonomy.text import Keywords

__all__ = ["DEFAULT", "TagTopics", "Taxonomy", "TaxonomyError", "Topic", "Unknown", "load_taxonomy"]

DEFAULT = "default"
"""The name of the taxonomy that comes with the project."""

Unknown = Literal["keep", "drop"]
"""What becomes of a tag that the taxonomy does not know: it is a topic of its own, or none."""

_SHIPPED = {DEFAULT: Path(__file__).parent / "default.csv"}


@dataclass(frozen=True)
class TagTopics:
    """From tags to topics: all that scoring needs of a taxonomy, small enough to travel to every task.

    `by_key` holds the topic of each known tag in the form of `tags.key`, `above` all ancestors of each
    topic that has some. Without both, every tag is a topic of its own.
    """

    ids: frozenset[str] = frozenset()
    by_key: Mapping[str, str] = field(default_factory=dict)
    above: Mapping[str, frozenset[str]] = field(default_factory=dict)
    keep_unknown: bool = True

    def topic_of(self, tag: str) -> str | None:
        """The topic of a tag, or None where it is none. An id of the taxonomy is itself."""
        bare = tag.strip()
        # Ids come first and as they are, so that a topic stays what it is however often it is looked up.
        if bare in self.ids:
            return bare
        return self.by_key.get(key(tag)) or ((normalised(tag) or None) if self.keep_unknown else None)


@dataclass(frozen=True)
class Taxonomy:
    """A named set of topics. `topics` by id, in the order of the file; earlier ones win a shared term."""

    name: str
    topics: Mapping[str, Topic]
    unknown: Unknown = "keep"

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that decides a topic, 64 hex digits: a change of the file is visible by it."""
        content = [[t.id, t.label, t.parents, t.terms, t.weak_terms] for t in self.topics.values()]
        return hashlib.sha256(json.dumps([content, self.unknown]).encode()).hexdigest()

    @cached_property
    def tags(self) -> TagTopics:
        """From tags to topics, built once."""
        by_key: dict[str, str] = {}
        for topic, term in self._terms():
            if found := key(term):
                by_key.setdefault(found, topic.id)
        above = {name: ancestors for name in self.topics if (ancestors := self._ancestors(name))}
        return TagTopics(frozenset(self.topics), by_key, above, self.unknown == "keep")

    def topics_of_text(self, text: str) -> list[str]:
        """Topics of a text, without doubles: of its hashtags, then of the words in it, each in order.

        Whole words, the longest term first. Of a long text only the beginning is read (text.py says how
        much), so that no post takes longer than a few milliseconds.
        """
        return self._keywords.topics_of(text, self.tags.topic_of)

    def reduced(self, text: str) -> str:
        """A text without all that its topics are not read from: what may be kept of somebody's words."""
        return self._keywords.reduced(text)

    @cached_property
    def _keywords(self) -> Keywords:
        # A term that is written with '#' is a hashtag only: as a plain word it would say something else.
        plain = ((" ".join(words(term)), topic.id) for topic, term in self._terms() if term[0] != "#")
        return Keywords.of(plain)

    def _terms(self) -> Iterator[tuple[Topic, str]]:
        """Every term with its topic, those that win a conflict first."""
        for topic in self.topics.values():
            yield topic, topic.label
            # A number says nothing in a post: ids of numbers are found as ids alone.
            if not topic.id.isdigit():
                yield topic, topic.id
        for weak in (False, True):
            for topic in self.topics.values():
                for term in topic.weak_terms if weak else topic.terms:
                    yield topic, term

    def _ancestors(self, name: str) -> frozenset[str]:
        found: set[str] = set()
        waiting = list(self.topics[name].parents)
        while waiting:
            parent = waiting.pop()
            if parent not in found:
                found.add(parent)
                waiting += self.topics[parent].parents
        return frozenset(found - {name})


@lru_cache(maxsize=4)
def load_taxonomy(name_or_path: str = DEFAULT, unknown: Unknown = "keep") -> Taxonomy:
    """A taxonomy by its name, or from a file or folder in one of the forms of `formats.py`.

    Raises TaxonomyError, naming the file, the line and what is wrong with it.
    """
    path = _SHIPPED.get(name_or_path, Path(name_or_path).expanduser())
    if not path.exists():
        names = ", ".join(sorted(_SHIPPED))
        raise TaxonomyError(
            f"There is no taxonomy {name_or_path}: give a file, a folder, or a name ({names})."
        )
    name = name_or_path if name_or_path in _SHIPPED else path.stem
    return Taxonomy(name, {topic.id: topic for topic in read_topics(path)}, unknown)
