"""The scoring model: one YAML file a version, read into an immutable object.

A weight that is not in the file does not exist, and a key the loader does not know is an error: a
misspelt weight must not silently keep its old value.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

KINDS = ("like", "repost", "quote", "reply", "mention")
"""Reaction kinds, in the order of every array over kinds."""

POSTING_KINDS = ("post", "reply", "quote")
"""Kinds that create content of the actor's own and count as posting volume."""

_FOLDER = Path(__file__).parent


class ModelError(Exception):
    """A model version that does not exist or cannot be read."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KindWeights(_Part):
    like: float = Field(ge=0)
    repost: float = Field(ge=0)
    quote: float = Field(ge=0)
    reply: float = Field(ge=0)
    mention: float = Field(ge=0)

    def in_order(self) -> tuple[float, ...]:
        """Weights in the order of KINDS."""
        return tuple(float(getattr(self, kind)) for kind in KINDS)


class Pair(_Part):
    half_life_days: float = Field(gt=0)
    saturation: float = Field(gt=0)
    drop_below: float = Field(ge=0)


class GiveBack(_Part):
    rate: float = Field(ge=0)
    shape: float = Field(ge=1)


class Circle(_Part):
    partner_mass: float = Field(gt=0)
    usual_times: float = Field(gt=0)
    readers_times: float = Field(ge=0)
    at_least: float = Field(gt=0)
    steepness: float = Field(ge=1)


class Follow(_Part):
    mass: float = Field(ge=0)
    half_life_days: float = Field(gt=0)


class Trust(_Part):
    scale: float = Field(gt=0)
    steepness: float = Field(ge=1)
    damping: float = Field(gt=0, lt=1)
    reserve: float = Field(ge=0)
    single_source: float = Field(gt=0)
    tolerance: float = Field(gt=0)
    seed_floor: float = Field(ge=0, le=1)
    seed_groups: int = Field(gt=0)
    step: float = Field(gt=0, le=1)
    tenure_from_day: int = Field(ge=0)
    tenure_full_day: int = Field(gt=0)
    budget: float = Field(gt=0)
    give_back_floor: float = Field(ge=0, le=1)
    seeds_at_most: int = Field(gt=0)
    seed_min_age_days: int = Field(ge=0)
    drawn_share: float = Field(gt=0, le=1)

    @model_validator(mode="after")
    def _ramp_rises(self) -> Trust:
        if self.tenure_full_day <= self.tenure_from_day:
            raise ValueError("tenure_full_day must be after tenure_from_day")
        return self


class Influence(_Part):
    damping: float = Field(gt=0, lt=1)
    tolerance: float = Field(gt=0)
    max_iterations: int = Field(gt=0)
    exponent: float = Field(ge=0)
    at_least: float = Field(gt=0)
    at_most: float = Field(gt=0)


class Posting(_Part):
    burst_exponent: float = Field(ge=0)
    volume_exponent: float = Field(ge=0)
    long_days: float = Field(gt=0)
    short_days: float = Field(gt=0)
    today_allowance: float = Field(ge=0)
    mean_allowance: float = Field(gt=0)
    short_allowance: float = Field(ge=0)
    short_mean_allowance: float = Field(gt=0)


class Solicitation(_Part):
    rate: float = Field(ge=0)
    free_follows: float = Field(ge=0)


class Intake(_Part):
    level_factor: float = Field(gt=0)
    alike: float = Field(gt=0)
    rise_factor: float = Field(gt=0)
    base: float = Field(gt=0)


class Level(_Part):
    slow_half_life_days: float = Field(gt=0)
    fast_half_life_days: float = Field(gt=0)
    minimum_weight: float = Field(gt=0, le=1)
    rise_windows: int = Field(ge=2)
    rise_window_days: int = Field(gt=0)
    rise_doubt: float = Field(ge=0)
    quiet_clock: float = Field(gt=0, le=1)
    quiet_from_day: int = Field(ge=1)
    quiet_until_day: int = Field(ge=1)

    @property
    def rise_memory_days(self) -> int:
        """Days of flow that are remembered one by one."""
        return self.rise_windows * self.rise_window_days


class Score(_Part):
    points_per_e_fold: float = Field(gt=0)
    scale: float = Field(gt=0)
    smoothing_half_life_days: float = Field(gt=0)
    cap: float = Field(gt=1)


class Ceiling(_Part):
    first_points: float = Field(ge=1)
    first_days: int = Field(ge=0)
    points_per_day: float = Field(gt=0)


class Identity(_Part):
    half_life_days: float = Field(gt=0)
    points_a_day: float = Field(gt=0)


class Endorsement(_Part):
    per_day: int = Field(ge=0)
    days_between: int = Field(ge=1)
    half_life_days: float = Field(gt=0)
    forgotten_after_days: int = Field(gt=0)
    give_back: float = Field(ge=0)
    scale: float = Field(gt=0)
    most_points: float = Field(ge=0)


class Interval(_Part):
    z: float = Field(gt=0)
    reaction_worth: float = Field(ge=0)
    evidence_weight: float = Field(ge=0)
    clustering_flow: float = Field(gt=0)
    clustering_prior: float = Field(gt=0)
    least_doubt: float = Field(ge=0)
    down: float = Field(gt=0)


class Measures(_Part):
    reach_mass: float = Field(gt=0)
    reactors: int = Field(gt=0)
    topic_minimum_evidence: float = Field(ge=0)
    topic_saturation: float = Field(gt=0)


class ScoringModel(_Part):
    """One version of the model. Half-lives and ages in days, levels in reactions a day."""

    version: str = Field(min_length=1)
    kinds: KindWeights
    pair: Pair
    give_back: GiveBack
    circle: Circle
    follow: Follow
    trust: Trust
    influence: Influence
    posting: Posting
    solicitation: Solicitation
    intake: Intake
    level: Level
    score: Score
    ceiling: Ceiling
    identity: Identity
    endorsement: Endorsement
    interval: Interval
    measures: Measures


def versions() -> tuple[str, ...]:
    """Names of the versions that this folder holds."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


@cache
def load_model(version: str) -> ScoringModel:
    """A version by its name.

    Raises ModelError, naming the file and the key, where it is missing or does not fit.
    """
    if version not in versions():
        raise ModelError(f"There is no scoring model {version!r}; there are: {', '.join(versions())}.")
    path = _FOLDER / f"{version}.yaml"
    model = _read(path, f"scoring_model/{path.name}")
    if model.version != version:
        raise ModelError(f"scoring_model/{path.name} names itself {model.version!r}.")
    return model


def model_of(name: str) -> ScoringModel:
    """A version by its name, or one that is tried out by its file: what ends in .yaml or .yml is a path.

    Raises ModelError as `load_model` does.
    """
    if not name.endswith((".yaml", ".yml")):
        return load_model(name)
    path = Path(name).expanduser()
    if not path.is_file():
        raise ModelError(f"There is no scoring model at {path}.")
    return _read(path, str(path))


def _read(path: Path, called: str) -> ScoringModel:
    try:
        return ScoringModel.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise ModelError(f"{called}: {error}") from error
