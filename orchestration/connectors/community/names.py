"""Names of people and handles of accounts, from word lists written for this project; all fictional.

A handle is a first name and a word or number. Within a network no two are equal: the pair is a permutation
of the index, and an index beyond the number of pairs gets a counter.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.connectors.community.randomness import Ints, Stream, cheap_permutation, uniform

# Person 0 is the community's best-known member, so that examples can name an account that always exists.
WELL_KNOWN_PERSON = 0
WELL_KNOWN_HANDLE = "ada"
WELL_KNOWN_NAME = "Ada Okonkwo"

_FIRST_LIST = (
    "abena adil aiko alba alma amara amit anders anouk anton arjun asha astrid aylin bela bianca bora "
    "bruno camila carlo chiara chen clara dalia daniel daria david deniz diego dina edith eduardo elif "
    "elena elio emeka emil emma enzo erik esther eva fatima felix fiona freya gabriel gita greta hana "
    "hannah hassan helena hugo ida imani ines irina isak ivan jaya jonas julia kai kamal karin kenji "
    "khadija kofi lara lars layla leila leo lina lucas luz maja malik mara marco mei mikel mina mira "
    "mohan nadia naomi nils nina noor nora oleg olga omar oscar paola pedro petra priya quinn rafael "
    "rana ravi rosa ruben sami sanna sara selma simon sofia stella sven tariq tessa theo tove uma "
    "valeria vera viktor wanda yara yuki yusuf zara zoe"
)
FIRST_NAMES = tuple(_FIRST_LIST.split())

_WORD_LIST = (
    "alder anchor atlas autumn bakes bikes birch bloom bolt books botany brew bridge brook builds "
    "canvas cedar chalk charts chess cinder clay climbs cloud clover cobalt codes comet coral cooks "
    "copper crane delta docs draws drift drums dunes ember fable falcon fern field films finch fjord "
    "flint forge foxglove garden gears glacier granite grove harbor hawk hazel heron hikes indigo iris "
    "ivory jasper jazz juniper kiln lab lagoon lantern lark lichen loom lotus maker maple maps marsh "
    "meadow mint mosaic moss nectar north nova oak ocean onyx orbit otter owl paints paper pebble pine "
    "pixel plays plum poppy prairie prism quartz quill rain raven reads reef ridge river robin runs "
    "saffron sails sage sketch slate sparrow spruce stone studio summit swims thistle tide timber "
    "travels tulip valley velvet violet walks willow wind writes 07 11 21 23 42 64 77 88 99 101 303 365 "
    "404 808 2k 3d"
)
WORDS = tuple(_WORD_LIST.split())

_FAMILY_LIST = (
    "Abara Achterberg Aguilar Åkesson Almeida Amadi Bajwa Baptiste Barros Becker Bergström Bianchi "
    "Boateng Brandão Brânză Bui Castellanos Chandra Chaudhry Cho Çelik Dahl Darko Delacroix Demir "
    "Desrosiers Diallo Dlamini Dvořák Eriksen Escobar Farah Ferreira Fischer Fontaine Fujimoto García "
    "Georgiou Gómez Grünwald Gupta Haddad Hakimi Hansen Hashimoto Hughes Ibáñez Iyer Jankowski "
    "Jónsdóttir Juárez Kamau Kaplan Katō Khoury Kimani Kowalczyk Kovács Kruger Laurent Lefèvre "
    "Lindqvist Łukasik Mahmoud Marchetti Mbeki Mendoza Meyer Mishra Moreau Mukherjee Müller Nakamura "
    "Ndiaye Nguyễn Nováková Núñez Odhiambo Okafor Olsen Ortega Osei Øberg Papadakis Park Petrov Pham "
    "Quiroga Rahman Reyes Ricci Rossi Ruiz Sánchez Santos Schäfer Sharma Silva Şahin Tanaka Thorne "
    "Torres Tremblay Usman Vargas Vasquez Vieira Walsh Watanabe Weber Wójcik Xavier Yamada Yilmaz Zhang "
    "Zimmermann"
)
FAMILY_NAMES = tuple(_FAMILY_LIST.split())


def handles(people: Ints, seed: int, style: str) -> pa.Array:
    """One handle a person (string); `style` is "name_first" (mira_reef) or "word_first" (reefmira).

    No two people share a handle in either style, and none of one style equals one of the other.
    """
    pairs = len(FIRST_NAMES) * len(WORDS)
    pair = cheap_permutation(people % pairs, seed, Stream.NAMES, pairs)
    first = pa.array(FIRST_NAMES).take(pa.array(pair % len(FIRST_NAMES)))
    word = pa.array(WORDS).take(pa.array(pair // len(FIRST_NAMES)))
    # How a pair is written depends on the pair alone, so that equal texts can only come from equal pairs.
    spaced = uniform(seed, Stream.NAMES, pair, salt=1) < 0.5
    gap = pc.if_else(pa.array(spaced), "_", "")
    counter = people // pairs
    ending = pc.if_else(
        pa.array(counter > 0),
        pc.binary_join_element_wise("_", pc.cast(pa.array(counter + 1), pa.string()), ""),
        "",
    )
    if style == "word_first":
        named = pc.binary_join_element_wise(word, gap, first, ending, "")
    else:
        named = pc.binary_join_element_wise(first, gap, word, ending, "")
    return pc.if_else(pa.array(people == WELL_KNOWN_PERSON), WELL_KNOWN_HANDLE, named)


def full_names(people: Ints, seed: int) -> pa.Array:
    """One full name a person (string); the first name is the handle's, full names are not unique."""
    pairs = len(FIRST_NAMES) * len(WORDS)
    pair = cheap_permutation(people % pairs, seed, Stream.NAMES, pairs)
    first = pa.array([name.title() for name in FIRST_NAMES]).take(pa.array(pair % len(FIRST_NAMES)))
    family_index = (uniform(seed, Stream.NAMES, people, salt=2) * len(FAMILY_NAMES)).astype(np.int64)
    family = pa.array(FAMILY_NAMES).take(pa.array(family_index))
    named = pc.binary_join_element_wise(first, family, " ")
    return pc.if_else(pa.array(people == WELL_KNOWN_PERSON), WELL_KNOWN_NAME, named)


def emails(people: Ints, seed: int) -> pa.Array:
    """One address a person (string), unique, under a domain that is reserved for examples."""
    return pc.binary_join_element_wise(handles(people, seed, "name_first"), "example.org", "@")
