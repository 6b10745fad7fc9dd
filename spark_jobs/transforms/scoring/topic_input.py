"""Tags of activities as topics of a taxonomy, worked out once for each different tag."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from spark_jobs.taxonomy import TagTopics, Taxonomy
from spark_jobs.transforms.scoring.arrays import Ints
from spark_jobs.transforms.scoring.block_tables import lake_table


def topics_of_tags(tags: pa.Array, known: TagTopics) -> pa.Array:
    """The topic of each tag (text), null where it is none."""
    encoded = tags.cast(pa.string()).dictionary_encode()
    topics = [known.topic_of(tag) for tag in encoded.dictionary.to_pylist()]
    return pa.array(topics, pa.string()).take(encoded.indices)


def pairs_above(topics: pa.Array, known: TagTopics) -> tuple[Ints, Ints]:
    """(topic, ancestor) as places in `topics`, for every two of them of which one is above the other."""
    place = {name: at for at, name in enumerate(topics.to_pylist())}
    pairs = [
        (at, place[ancestor])
        for name, at in place.items()
        for ancestor in known.above.get(name, ())
        if ancestor in place
    ]
    columns = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    return columns[:, 0], columns[:, 1]


def most_specific(row: Ints, topic: Ints, above: tuple[Ints, Ints], topics: int) -> tuple[Ints, Ints]:
    """(row, topic) without topics that another of the same row implies: football says sport already.

    Otherwise a reaction would be cut in two, and who is heard on football would have half the evidence
    because their posts say both.
    """
    child, ancestor = above
    first = np.searchsorted(child, topic, side="left")
    many = np.searchsorted(child, topic, side="right") - first
    if not many.any():
        return row, topic
    within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
    implied = np.repeat(row, many) * topics + ancestor[np.repeat(first, many) + within]
    kept = ~np.isin(row * topics + topic, implied)
    return row[kept], topic[kept]


def topic_labels(taxonomy: Taxonomy) -> pa.Table:
    """What the topics are called: rows of topic_label, in the order of the ids."""
    topics = sorted(taxonomy.topics.values(), key=lambda topic: topic.id)
    rows = [
        {"topic": topic.id, "label": topic.label, "parent": next(iter(topic.parents), None)}
        for topic in topics
    ]
    return pa.Table.from_pylist(rows, lake_table("topic_label", ("day",)))
