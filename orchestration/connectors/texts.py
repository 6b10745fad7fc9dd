"""What a connector may look for in somebody's words, and what of them it may keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from orchestration.settings import Settings
from spark_jobs.taxonomy import Taxonomy, load_taxonomy

_MOST_TOPICS, _LONGEST = 64, 256  # what the contract of activities takes


def taxonomy(settings: Settings) -> Taxonomy:
    """The taxonomy that the settings ask for."""
    return load_taxonomy(settings.taxonomy, settings.taxonomy_unknown)


def topics_through(known: Taxonomy) -> Callable[[str, Iterable[str]], list[str]]:
    """Topics of (text, tags), each once: of the tags, then of the text, as many as a row takes."""

    def topics(text: str, tags: Iterable[str]) -> list[str]:
        of_tags = (known.tags.topic_of(tag) for tag in tags)
        found = [topic for topic in (*of_tags, *known.topics_of_text(text)) if topic]
        return [t for t in dict.fromkeys(found) if len(t) <= _LONGEST][:_MOST_TOPICS]

    return topics


def reduction(settings: Settings, known: Taxonomy) -> Callable[[str], str]:
    """What is kept of a text: its hashtags and the taxonomy's terms; all of it where the settings say so."""
    return str if settings.keep_text else known.reduced
