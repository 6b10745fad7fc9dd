"""Taxonomies as files: three forms, told apart by what the file or folder holds.

- ours: CSV with the columns `topic, label, parents, terms`; several parents or terms with `|` between them.
- Klout Topic Ontology: a folder with `klout_topic_ontology_*.csv`, `klout_topic_edge_*.csv` and, if wanted,
  `klout_topic_display_*.csv` (names in other languages).
- IAB Content Taxonomy 3.x: its TSV.

Ids are text everywhere: Klout's do not fit into 64 bits, IAB's are not all numbers.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_OURS = ("topic", "label", "parents", "terms")
_KLOUT = "klout_topic_ontology_*.csv"
_IAB = ("Unique ID", "Parent", "Name")
_MOST_CHARACTERS = 256
"""A topic's id, as the contracts have it."""


class TaxonomyError(Exception):
    """A taxonomy that is not there or cannot be read."""


@dataclass(frozen=True)
class Topic:
    """One topic. `terms` name it; `weak_terms` do so where no other topic claims them.

    A term that begins with '#' holds for hashtags and not for words in a text.
    """

    id: str
    label: str
    parents: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    weak_terms: tuple[str, ...] = ()


def read_topics(path: Path) -> list[Topic]:
    """The topics of a file or folder, in its order. Raises TaxonomyError, with file and line."""
    if path.is_dir() or path.match(_KLOUT):
        topics = _klout(path if path.is_dir() else path.parent)
    else:
        text = _text(path)
        head = text.split("\n", 2)[:2]
        if any(line.strip("\ufeff\r").split("\t")[:3] == list(_IAB) for line in head):
            topics = _iab(path, text)
        elif head[0].strip("\ufeff\r").split(",")[: len(_OURS)] == list(_OURS):
            topics = _ours(path, text)
        else:
            raise TaxonomyError(
                f"{path} is no taxonomy that is known: it begins neither with {','.join(_OURS)} nor with the "
                "head of the IAB Content Taxonomy; the Klout Topic Ontology is a folder."
            )
    if not topics:
        raise TaxonomyError(f"{path} has no topics.")
    _refuse_rings(path, topics)
    return topics


def _ours(path: Path, text: str) -> list[Topic]:
    topics: dict[str, Topic] = {}
    lines: dict[str, int] = {}
    for line, row in _rows(path, text, ","):
        name, label = row["topic"].strip(), row["label"].strip()
        where = f"{path}, line {line}"
        _refuse_bad_id(where, name, topics)
        topics[name] = Topic(name, label or name, _listed(row["parents"]), _listed(row["terms"]))
        lines[name] = line
    for topic in topics.values():
        for parent in topic.parents:
            if parent not in topics:
                raise TaxonomyError(
                    f"{path}, line {lines[topic.id]}: there is no topic {parent!r} as parent."
                )
    return list(topics.values())


def _klout(folder: Path) -> list[Topic]:
    """Topics after their names in English; an edge from or to a topic that is not listed leads nowhere."""
    ontology, edges = _only(folder, _KLOUT), _only(folder, "klout_topic_edge_*.csv")
    listed: dict[str, dict[str, str]] = {}
    for line, row in _rows(ontology, _text(ontology), ",", ("topicId", "topicSlug", "topicDisplayName")):
        _refuse_bad_id(f"{ontology}, line {line}", row["topicId"], listed)
        listed[row["topicId"]] = row
    parents: dict[str, list[str]] = {}
    for _, row in _rows(edges, _text(edges), ",", ("parentTopicId", "childTopicId")):
        parent, child = row["parentTopicId"], row["childTopicId"]
        if parent in listed and child in listed and parent != child:
            parents.setdefault(child, []).append(parent)
    foreign: dict[str, list[str]] = {}
    for path in sorted(folder.glob("klout_topic_display_*.csv")):
        for _, row in _rows(path, _text(path), ",", ("topicId", "topicDisplayName")):
            foreign.setdefault(row["topicId"], []).append(row["topicDisplayName"])
    return [
        Topic(
            id=name,
            label=row["topicDisplayName"].strip() or row["topicSlug"],
            parents=tuple(dict.fromkeys(parents.get(name, ()))),
            terms=(row["topicSlug"].removesuffix("-super"),),
            weak_terms=tuple(dict.fromkeys(t.strip() for t in foreign.get(name, ()) if t.strip("# "))),
        )
        for name, row in listed.items()
    ]


def _iab(path: Path, text: str) -> list[Topic]:
    """IAB's names join what belongs together ("Bars & Restaurants"): each piece is a weak term."""
    start = 0 if text.strip("\ufeff").startswith(_IAB[0]) else 1
    body = text.split("\n", start)[start]
    topics: dict[str, Topic] = {}
    for line, row in _rows(path, body, "\t", _IAB, first_line=start + 1):
        name, label = row["Unique ID"].strip(), row["Name"].strip()
        _refuse_bad_id(f"{path}, line {line}", name, topics)
        parent = row["Parent"].strip()
        plain = re.sub(r"\s*\(.*?\)", "", label)
        pieces = [piece.strip() for piece in re.split(r"\s*(?:&|/|,|\band\b)\s*", plain)]
        weak = tuple(piece for piece in (plain, *pieces) if piece and piece != label)
        topics[name] = Topic(name, label or name, (parent,) if parent else (), (), weak)
    for topic in topics.values():
        for parent in topic.parents:
            if parent not in topics:
                raise TaxonomyError(
                    f"{path}: topic {topic.id} has the parent {parent!r}, which is not there."
                )
    return list(topics.values())


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise TaxonomyError(f"{path} is not UTF-8: byte {error.start} does not fit.") from error
    except OSError as error:
        raise TaxonomyError(f"{path} cannot be read: {error.strerror or error}.") from error


def _rows(
    path: Path, text: str, delimiter: str, columns: Sequence[str] = _OURS, first_line: int = 1
) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, row) of a table with a head; empty lines are passed over."""
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        head = next(reader, [])
        if missing := [column for column in columns if column not in head]:
            raise TaxonomyError(f"{path} lacks the column {', '.join(missing)}.")
        for cells in reader:
            line = reader.line_num + first_line - 1
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(head):
                raise TaxonomyError(f"{path}, line {line}: {len(cells)} cells under {len(head)} columns.")
            yield line, dict.fromkeys(columns, "") | dict(zip(head, cells, strict=False))
    except csv.Error as error:
        raise TaxonomyError(f"{path}, line {reader.line_num + first_line - 1}: {error}.") from error


def _listed(cell: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in cell.split("|") if part.strip("# ")))


def _refuse_bad_id(where: str, name: str, known: Iterable[str]) -> None:
    if not name:
        raise TaxonomyError(f"{where}: a topic without an id.")
    if len(name) > _MOST_CHARACTERS:
        raise TaxonomyError(f"{where}: the id has more than {_MOST_CHARACTERS} characters.")
    if name in known:
        raise TaxonomyError(f"{where}: the topic {name!r} is there twice.")


def _refuse_rings(path: Path, topics: Iterable[Topic]) -> None:
    """A topic must not be its own ancestor: take away, again and again, those without a parent left."""
    parents = {topic.id: set(topic.parents) for topic in topics}
    children: dict[str, list[str]] = {}
    for name, above in parents.items():
        for parent in above:
            children.setdefault(parent, []).append(name)
    free = [name for name, above in parents.items() if not above]
    for name in free:
        for child in children.get(name, ()):
            parents[child].discard(name)
            if not parents[child]:
                free.append(child)
    if len(free) < len(parents):
        ring = next(name for name, above in parents.items() if above)
        raise TaxonomyError(f"{path}: the topic {ring!r} is its own ancestor, or below one that is.")


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise TaxonomyError(
            f"{folder} must hold one file {pattern} to be a taxonomy, and holds {len(found)}."
        )
    return found[0]
