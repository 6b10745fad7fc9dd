"""Taxonomies: the three forms of file, what is wrong with broken ones, and tags and texts as topics."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.connectors.community.people import TOPICS
from spark_jobs.taxonomy import TagTopics, TaxonomyError, load_taxonomy
from spark_jobs.taxonomy.tags import key
from spark_jobs.taxonomy.text import MOST_CHARACTERS, MOST_TOPICS

HEAD = "topic,label,parents,terms\n"
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "taxonomies"
needs_taxonomies = pytest.mark.skipif(not SHARED.exists(), reason="the public taxonomies are not at hand")


@pytest.fixture
def ours(tmp_path):
    """Writes a file of our form; its path as text."""

    def write(text: str, name: str = "topics.csv") -> str:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return str(path)

    return write


# --- the default ------------------------------------------------------------------------------


def test_the_default_is_of_a_size_to_read_and_knows_what_the_sample_talks_about():
    taxonomy = load_taxonomy()
    assert 100 <= len(taxonomy.topics) <= 200
    assert [taxonomy.tags.topic_of(topic) for topic in TOPICS] == list(TOPICS)
    assert all(topic.label for topic in taxonomy.topics.values())


def test_no_two_topics_of_the_default_claim_one_term():
    claims: dict[str, set[str]] = {}
    for topic, term in load_taxonomy()._terms():
        claims.setdefault(key(term), set()).add(topic.id)
    assert {term: topics for term, topics in claims.items() if len(topics) > 1} == {}


@pytest.mark.parametrize("tag", ["#UrbanGardening", "urban-gardening", "urban gardening", "#urbangardening"])
def test_a_term_is_found_however_it_is_written(tag):
    assert load_taxonomy().tags.topic_of(tag) == "gardening"


@given(st.text())
def test_a_topic_stays_what_it_is(tag):
    tags = load_taxonomy().tags
    topic = tags.topic_of(tag)
    assert topic is None or tags.topic_of(topic) == topic


def test_an_unknown_tag_is_a_topic_of_its_own_or_none():
    assert load_taxonomy().tags.topic_of("#AcmeCloud") == "acme cloud"
    assert load_taxonomy("default", "drop").tags.topic_of("#AcmeCloud") is None
    assert load_taxonomy().tags.topic_of("#") is None
    assert TagTopics().topic_of("#AcmeCloud") == "acme cloud"


# --- files ------------------------------------------------------------------------------------


def test_a_file_of_ones_own(ours):
    path = ours(HEAD + "drinks,Things to drink,,\ntea,Tea,drinks,matcha|#cuppa\n", "house.csv")
    taxonomy = load_taxonomy(path)
    assert taxonomy.name == "house"
    assert taxonomy.topics["tea"].parents == ("drinks",)
    assert taxonomy.tags.above == {"tea": frozenset({"drinks"})}
    assert taxonomy.tags.topic_of("#Matcha") == "tea"
    # A term with '#' is a hashtag and no word.
    assert taxonomy.topics_of_text("a #cuppa") == ["tea"]
    assert taxonomy.topics_of_text("a cuppa") == []


def test_a_digest_tells_of_every_change(ours):
    digests = {
        load_taxonomy(ours(HEAD + row, f"{index}.csv"), unknown).digest
        for index, row in enumerate(["a,A,,\n", "a,B,,\n", "a,A,,b\n", "a,A,,\nb,B,a,\n", "a,A,,\nb,B,,\n"])
        for unknown in ("keep", "drop")
    }
    assert len(digests) == 10
    again = ours(HEAD + "a,A,,\n", "again.csv")
    assert load_taxonomy(again).digest == load_taxonomy(ours(HEAD + "a,A,,\n", "more.csv")).digest


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no taxonomy that is known"),
        ("name,age\nx,1\n", "is no taxonomy that is known"),
        (HEAD, "has no topics"),
        (HEAD + "a,A,b,\n", r"line 2: there is no topic 'b' as parent"),
        (HEAD + "a,A,,\na,A,,\n", r"line 3: the topic 'a' is there twice"),
        (HEAD + ",A,,\n", r"line 2: a topic without an id"),
        (HEAD + f"{'a' * 257},A,,\n", r"line 2: the id has more than 256 characters"),
        (HEAD + "a,A,b,\nb,B,c,\nc,C,b,\n", r"is its own ancestor"),
        (HEAD + "a,A,,x,y\n", r"line 2: 5 cells under 4 columns"),
        (HEAD + 'a,"A,,\n', r"line 2: .*end of data"),
        (HEAD.encode() + b"a,\xff,,\n", r"is not UTF-8: byte"),
        ("Unique ID\tParent\tName\n1\t7\tX\n", r"topic 1 has the parent '7', which is not there"),
    ],
)
def test_a_broken_file_is_said_to_be_so(ours, text, message):
    with pytest.raises(TaxonomyError, match=message):
        load_taxonomy(ours(text))


def test_a_missing_file_and_an_empty_folder_are_said_to_be_so(tmp_path):
    with pytest.raises(TaxonomyError, match=r"There is no taxonomy .*klout: give a file"):
        load_taxonomy(str(tmp_path / "klout"))
    with pytest.raises(TaxonomyError, match=r"must hold one file klout_topic_ontology_"):
        load_taxonomy(str(tmp_path))


def test_the_form_of_klouts_ontology(tmp_path):
    """Ids beyond 64 bits stay apart; the root's edge to itself, and edges to nobody, lead nowhere."""
    big, bigger = "10000000000000000000", "10000000000000000001"
    (tmp_path / "klout_topic_ontology_1.csv").write_text(
        '"topicId","topicSlug","topicDisplayName","wikiItemId","freebaseMachineId"\n'
        f'{big},"arts-super","Arts","",""\n{bigger},"stage-acting","Acting","",""\n2,"zumba","Zumba","",""\n'
    )
    (tmp_path / "klout_topic_edge_1.csv").write_text(
        '"parentTopicId","parrentTopicSlug","childTopicId","childTopicSlug"\n'
        f'0,"_ROOT_",0,"_ROOT_"\n0,"_ROOT_",{big},"a"\n{big},"a",{bigger},"b"\n{big},"a",999,"c"\n'
    )
    (tmp_path / "klout_topic_display_1.csv").write_text(
        f'"topicId","language","topicDisplayName"\n{bigger},"de","Schauspiel"\n2,"de","Arts"\n'
    )
    taxonomy = load_taxonomy(str(tmp_path))
    assert list(taxonomy.topics) == [big, bigger, "2"]
    assert taxonomy.topics[bigger].parents == (big,)
    assert not taxonomy.topics[big].parents
    found = [taxonomy.tags.topic_of(tag) for tag in ("#Schauspiel", "StageActing", "#arts", big, "2", "#2")]
    # A number is an id only as it stands; as a hashtag it is somebody's number.
    assert found == [bigger, bigger, big, big, "2", "2"]
    assert load_taxonomy(str(tmp_path), "drop").tags.topic_of("#2") is None


def test_the_form_of_iabs_taxonomy(ours):
    path = ours(
        "Relational ID System\t\t\tTiers\r\nUnique ID\tParent\tName\tTier 1\r\n"
        "JLBCU7\t\tFun\tFun\r\n150\tJLBCU7\tBars & Restaurants (Food)\tFun\r\n",
        "content.tsv",
    )
    taxonomy = load_taxonomy(path)
    assert taxonomy.topics["150"].parents == ("JLBCU7",)
    found = [taxonomy.tags.topic_of(tag) for tag in ("#Bars", "restaurants", "Bars & Restaurants", "JLBCU7")]
    assert found == ["150", "150", "150", "JLBCU7"]


@needs_taxonomies
def test_the_public_taxonomies_load():
    klout = load_taxonomy(str(SHARED / "klout-topic-ontology"))
    assert len(klout.topics) == 8033
    assert sum(int(topic) > 2**63 - 1 for topic in klout.topics) == 3541
    assert klout.topics[klout.tags.topic_of("#WordOfMouthMarketing")].label == "Word of Mouth Marketing"
    assert klout.topics_of_text("it is up to her to do it") == []
    iab = load_taxonomy(str(SHARED / "iab" / "content-taxonomy-3.1.tsv"))
    assert len(iab.topics) == 704
    assert iab.topics[iab.tags.topic_of("#casinos")].label == "Casinos & Gambling"


# --- text -------------------------------------------------------------------------------------


def test_a_text_speaks_of_its_hashtags_and_words(ours):
    path = ours(HEAD + "rock,Rock,,\nclimbing,Rock climbing,,bouldering|#crag\nlang,C++,,\nme,Her,,the\n")
    topics = load_taxonomy(path).topics_of_text
    assert topics("We went rock climbing; rocks!") == ["climbing"]
    assert topics("rock, then Bouldering") == ["rock", "climbing"]
    assert topics("I like C++ #NewThing #rock") == ["new thing", "rock", "lang"]
    assert topics("the end of her day") == []
    assert topics("shamrock e-mail@rocky.example") == []
    assert topics("(#crag)") == ["climbing"]
    assert topics("page#crag") == []
    assert topics("") == []


def test_a_hostile_text_costs_no_more_than_a_long_one():
    taxonomy = load_taxonomy()
    many = " ".join(f"#tag{index}" for index in range(100_000))
    assert len(taxonomy.topics_of_text(many)) == MOST_TOPICS
    assert taxonomy.topics_of_text("#" * 1_000_000) == []
    beyond = "x " * (MOST_CHARACTERS // 2) + "astronomy"
    assert taxonomy.topics_of_text(beyond) == []
    assert taxonomy.topics_of_text("x " * 99 + "astronomy") == ["astronomy"]
    assert taxonomy.topics_of_text("#" + "a" * 300) == []
