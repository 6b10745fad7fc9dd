"""The method's README against the model: constants, worked numbers, and what the prose says of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

import spark_jobs.scoring_model as package
from spark_jobs.graph.trust import Passed, trust_goal
from spark_jobs.scoring_model import KINDS, ScoringModel, load_model
from spark_jobs.transforms.scoring.endorsements import endorsement_points
from spark_jobs.transforms.scoring.flow import (
    PostingMeans,
    posting_divisor,
    posting_means,
    solicitation_divisor,
)
from spark_jobs.transforms.scoring.level import clock_rate
from spark_jobs.transforms.scoring.own_score import level_at, points
from spark_jobs.transforms.scoring.pairs import Follows, Pairs, Reactions, pair_day, with_counted

FOLDER = Path(package.__file__).parent
MODEL = load_model("v1")
MODEL_FILE = (FOLDER / "v1.yaml").read_text(encoding="utf-8")
README = (FOLDER / "README.md").read_text(encoding="utf-8")
PROSE = " ".join(README.split())
PICTURE = " ".join(re.sub(r"<[^>]*>", " ", (FOLDER / "the-way-to-a-score.svg").read_text("utf-8")).split())

NONE = np.zeros(0, dtype=np.int64)
NO_FOLLOWS = Follows(NONE, NONE, NONE, NONE.astype(bool))


def constants() -> dict[str, float]:
    """Every number of the model's file, by `section.name`."""
    sections = {name: part for name, part in yaml.safe_load(MODEL_FILE).items() if name != "version"}
    return {
        f"{section}.{name}": float(value)
        for section, part in sections.items()
        for name, value in part.items()
    }


def table_rows() -> list[list[str]]:
    """Cells of each row of README's tables of constants."""
    lines = [line for line in README.splitlines() if re.match(r"\| `[a-z_]+\.[a-z_]+` \|", line)]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]


def test_the_readme_names_every_constant_once_with_its_value():
    rows = table_rows()
    names = [row[0].strip("`") for row in rows]
    assert len(names) == len(set(names))
    assert {name: float(row[1]) for name, row in zip(names, rows, strict=True)} == constants()


def test_every_constant_of_the_readme_has_unit_meaning_and_reason():
    assert [row for row in table_rows() if len(row) != 5 or not all(row)] == []


def test_every_constant_of_the_model_has_a_reason_beside_it():
    bare = [line for line in MODEL_FILE.splitlines() if re.match(r" +\w+: *[^ #]+ *(# *)?$", line)]
    assert bare == []
    assert len(re.findall(r"^ +\w+: *[^ #]+ +# *\S", MODEL_FILE, re.MULTILINE)) == len(constants())


def fresh_of(days: int, every: int, model: ScoringModel) -> list[float]:
    """Fresh attention that one person's like every so many days brings, day by day."""
    pairs, brought = Pairs.empty(), []
    for day in range(days):
        here = np.zeros(int(day % every == 0), dtype=np.int64)
        likes = Reactions.grouped(here, here + 1, here + KINDS.index("like"), here)
        today = pair_day(pairs, 2, likes, NO_FOLLOWS, 1.0, model)
        pairs = with_counted(today, np.ones(len(today.pair)))
        brought.append(float(today.fresh.sum()))
    return brought


def likes_of_one_day(many: int, model: ScoringModel) -> float:
    saturation, weight = model.pair.saturation, model.kinds.like
    before, after = (many - 1) * weight, many * weight
    return float(saturation * (np.exp(-before / saturation) - np.exp(-after / saturation)))


def left_of(kind: str, times: float, model: ScoringModel) -> float:
    mass = getattr(model.kinds, kind) * times
    return float(np.exp(-((model.give_back.rate * mass) ** model.give_back.shape)))


def daily_mass(model: ScoringModel) -> float:
    return float(1 / (1 - 0.5 ** (1 / model.pair.half_life_days)))


def absence(days: int, model: ScoringModel) -> float:
    """Points that so many days without a word and without a reaction cost somebody with very many."""
    passed = clock_rate(np.arange(1, days + 1), model.level).sum()
    return float(model.score.points_per_e_fold * np.log(2) * passed / model.level.slow_half_life_days)


def days_to_half(score: float, model: ScoringModel) -> float:
    """Days until half of the points above 1 have faded, before smoothing."""
    ratio = level_at(np.array(score), model) / level_at(np.array((score + 1) / 2), model)
    return float(model.level.slow_half_life_days * np.log2(ratio))


def trust_of(held: float, model: ScoringModel) -> float:
    """Trust of a grown account that many pass on so much to, in times of what the trusted hold on average."""
    passed = Passed(np.array([[1.0], [held]]), np.array([[0.0], [held]]), np.zeros((2, 1)), np.ones(1))
    trusted, nobody = np.array([1.0, 0.0]), np.zeros(2, dtype=bool)
    return float(trust_goal(passed, trusted, nobody, np.ones(2), model.trust)[1])


def unreturned_follows(many: int, model: ScoringModel) -> float:
    """What so many follows of one account divide its flow by, when none is returned."""
    here = np.zeros(many, dtype=np.int64)
    follows = Follows(here, np.arange(1, many + 1), here, here == 0)
    nothing = Reactions.grouped(NONE, NONE, NONE, NONE)
    day = pair_day(Pairs.empty(), many + 1, nothing, follows, 1.0, model)
    return float(solicitation_divisor(day, np.ones(many + 1), model)[0])


def posts_of_a_day(times: int, model: ScoringModel) -> float:
    """What a day of so many posts divides by for whom one a day is usual."""
    one, posts = np.ones(1), np.full(1, float(times))
    means = posting_means(PostingMeans(one, one, one, one), posts, 1.0, model)
    return float(posting_divisor(means, posts, 1.0, model)[0])


def endorsers(many: int, model: ScoringModel) -> float:
    return float(endorsement_points(np.array(float(many)), np.array(20.0), model))


def per_week(every: int, model: ScoringModel) -> float:
    """Fresh attention a week of a like every so many days, once half a year of it has passed."""
    return sum(fresh_of(182, every, model)[-28:]) / 4


WORKED: dict[str, Callable[[ScoringModel], str]] = {
    "a person's first, second and tenth like of a day to the same other": lambda m: ", ".join(
        f"{likes_of_one_day(many, m):.2f}" for many in (1, 2, 10)
    ),
    "one person's likes in a week, once usual: one a week, one a day": lambda m: ", ".join(
        f"{per_week(every, m):.3f}" for every in (7, 1)
    ),
    "left of a reaction where the other was given a like, a reply, a like a day": lambda m: ", ".join(
        f"{100 * left:.3g} %" if left > 1e-5 else "nothing"
        for left in (left_of("like", 1, m), left_of("reply", 1, m), left_of("like", daily_mass(m), m))
    ),
    "left of it if the one who gives it trades with half, once, twice M\N{SUBSCRIPT ZERO} people": lambda m: (
        ", ".join(f"{100 / (1 + times**m.circle.steepness):.0f} %" for times in (0.5, 1, 2))
    ),
    "trust of who is passed a fiftieth, a twentieth, a tenth of what the trusted hold": lambda m: ", ".join(
        f"{trust_of(held, m):.2f}" for held in (0.02, 0.05, 0.1)
    ),
    "flow divided by, with 30 and with 110 follows that are not returned": lambda m: ", ".join(
        f"{unreturned_follows(many, m):.1f}" for many in (30, 110)
    ),
    "flow of a day divided by, with three and with six times the usual post a day": lambda m: ", ".join(
        f"{posts_of_a_day(times, m):.1f}" for times in (3, 6)
    ),
    "ten times the level, at a high score": lambda m: f"+{m.score.points_per_e_fold * np.log(10):.1f} points",
    "an equal second account, on another network and on the same": lambda m: ", ".join(
        f"+{m.score.points_per_e_fold * np.log(factor):.1f}" for factor in (np.sqrt(2), 2)
    ),
    "seven and fourteen days without a word and without a reaction, at a high score": lambda m: ", ".join(
        f"-{absence(days, m):.1f}" for days in (7, 14)
    ),
    "days until half the points are gone when nobody reacts, from 10, 20, 40": lambda m: ", ".join(
        f"{days_to_half(score, m):.0f}" for score in (10, 20, 40)
    ),
    "three and thirty endorsements by fully trusted people": lambda m: ", ".join(
        f"+{endorsers(many, m):.2f}" for many in (3, 30)
    ),
    "score at the level of one like's worth a day": lambda m: f"{float(points(np.array(1.0), m)):.0f}",
}


def test_worked_numbers_are_the_model_s():
    begin = README.index("| example | comes to |")
    rows = README[begin : README.index("\n\n", begin)].splitlines()[2:]
    assert rows == [f"| {example} | {comes_to(MODEL)} |" for example, comes_to in WORKED.items()]


SAID = (
    f"likes what you wrote (that weighs {MODEL.kinds.like:g}), answers or mentions you"
    f" ({MODEL.kinds.reply:g}), reposts or quotes you ({MODEL.kinds.repost:g})",
    f"{MODEL.score.points_per_e_fold * np.log(10):.0f} points more are ten times the attention",
    f"The scale ends at {MODEL.score.cap:g}",
    f"half is gone in {MODEL.level.slow_half_life_days:g} days if nobody reacts",
    f"at most {MODEL.ceiling.first_points:g} points in its first week",
    f"by at most {MODEL.identity.points_a_day:g} points a day",
    f"e^(\N{MINUS SIGN}({MODEL.give_back.rate:g} m)\N{SUPERSCRIPT TWO})",
)
"""What the README's prose says of the model's numbers, with the numbers of the model."""


@pytest.mark.parametrize("said", SAID)
def test_the_prose_says_the_model_s_numbers(said):
    assert said in PROSE


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        ("one more each day after it", MODEL.ceiling.points_per_day == 1),
        ("in its first week", MODEL.ceiling.first_days == 7),
        ("ten juries", MODEL.trust.seed_groups == 10),
        ("up to three times as much", MODEL.influence.at_most == 3),
        ("by half a point at most", MODEL.endorsement.most_points == 0.5),
        ("from the third day to the 21st", MODEL.level.quiet_from_day == 3),
        ("from the third day to the 21st", MODEL.level.quiet_until_day == 21),
        ("It costs you less than a point", absence(14, MODEL) < 1),
        ("stays for three weeks", 15 <= MODEL.level.rise_memory_days <= 21),
        ("The fiftieth of the same week says nothing", likes_of_one_day(50, MODEL) < 1e-4),
        ("answers or mentions you", MODEL.kinds.reply == MODEL.kinds.mention),
        ("reposts or quotes you", MODEL.kinds.repost == MODEL.kinds.quote),
    ],
)
def test_the_prose_says_in_words_what_the_model_does(said, holds):
    assert said in PROSE
    assert holds


@pytest.mark.parametrize(
    "said",
    [
        f"half is gone in {MODEL.level.slow_half_life_days:g} days without any reaction",
        f"like {MODEL.kinds.like:g}, reply {MODEL.kinds.reply:g}, repost {MODEL.kinds.repost:g}",
        f"ten times as much: +{MODEL.score.points_per_e_fold * np.log(10):.0f}",
    ],
)
def test_the_picture_says_the_model_s_numbers(said):
    assert said in PICTURE
