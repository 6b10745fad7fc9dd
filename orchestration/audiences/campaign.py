"""A campaign's file: whom it may ask, how many, and what it will be judged by.

A score alone never decides whom a company writes to: a file has to say how much evidence a score must rest on
and on which legal bases people may be asked. What counts as success is in it too, so that it is fixed before
the draw and not found afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

MOST_BYTES = 1 << 20

OutcomeKind = Literal["click", "referral", "order", "trial", "churn"]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=512)]

# What somebody is told who leaves one of these out.
_CONDITIONS = {
    "evidence": "evidence is missing: how many trusted people's reactions a score must rest on, such as 5. "
    "Nobody is drawn on a score alone.",
    "consent": "consent is missing: the legal bases on which people may be asked, such as [consent]. "
    "Nobody is drawn on a score alone.",
}


class CampaignError(Exception):
    """A campaign that cannot be drawn as it is written: which file, what is wrong, and what to do."""


class _Part(BaseModel):
    # An unknown key is a misspelt condition, which would let in whom it was to keep out.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Band(_Part):
    """Scores from `at_least` up to `at_most`, both included."""

    at_least: Annotated[float, Field(ge=1, le=100, strict=False)] = 1
    at_most: Annotated[float, Field(ge=1, le=100, strict=False)] = 100

    @model_validator(mode="after")
    def _ordered(self) -> Band:
        if self.at_least > self.at_most:
            raise ValueError(f"at_least {self.at_least:g} is above at_most {self.at_most:g}")
        return self


class Exclusions(_Part):
    """Whom the campaign leaves out, although all else fits."""

    contacts: Annotated[tuple[Word, ...], Field(strict=False)] = ()
    campaigns: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    open_cases: bool = True
    double_failure: bool = True


class Frequency(_Part):
    """Nobody is invited more than `at_most` times in `days` days, whatever the campaigns."""

    at_most: Annotated[int, Field(ge=1)] = 1
    days: Annotated[int, Field(ge=1, le=3650)] = 90


class Judged(_Part):
    """What the campaign is judged by: outcomes of these kinds in so many days after the draw."""

    outcomes: Annotated[tuple[OutcomeKind, ...], Field(min_length=1, strict=False)] = ("order", "referral")
    days: Annotated[int, Field(ge=1, le=3650)] = 30


class Campaign(_Part):
    """A campaign, as its file has it."""

    campaign: Name
    title: str = ""
    size: Annotated[int, Field(ge=2)]
    control: Annotated[float, Field(gt=0, le=0.5, strict=False)] = 0.2
    seed: Annotated[int, Field(ge=0, lt=1 << 63)]
    evidence: Annotated[float, Field(gt=0, strict=False)]
    consent: Annotated[tuple[Word, ...], Field(min_length=1, strict=False)]
    score: Band = Band()
    topics: Annotated[tuple[Word, ...], Field(strict=False)] = ()
    networks: Annotated[tuple[Word, ...], Field(strict=False)] = ()
    regions: Annotated[tuple[Word, ...], Field(strict=False)] = ()
    exclude: Exclusions = Exclusions()
    frequency: Frequency = Frequency()
    judged_by: Judged = Judged()


def find_campaign(name: str, folder: str | None) -> Path:
    """The file meant by a path, or by a campaign's name in STATURE_CAMPAIGNS. CampaignError where none is."""
    places = [Path(name)]
    if folder is not None and "/" not in name:
        places += [Path(folder, name), Path(folder, f"{name}.yaml"), Path(folder, f"{name}.yml")]
    for place in places:
        if place.is_file():
            return place
    where = f"or in {folder} (STATURE_CAMPAIGNS)" if folder else "and STATURE_CAMPAIGNS is not set"
    raise CampaignError(f"There is no campaign file {name}, {where}.")


def campaign_files(folder: str | None) -> list[Path]:
    """The campaign files of the folder, in order of their names; none where there is no folder."""
    if folder is None or not Path(folder).is_dir():
        return []
    return sorted(path for path in Path(folder).iterdir() if path.suffix in (".yaml", ".yml"))


def read_campaign(path: Path) -> Campaign:
    """A campaign's file. CampaignError with every mistake in it."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise CampaignError(f"{path} is larger than {MOST_BYTES:,} bytes, which no campaign needs.")
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CampaignError(f"{path} cannot be read: {error}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        said = " ".join(str(error).split())[:300]
        raise CampaignError(f"{path} is not YAML: {said}") from error
    if not isinstance(content, dict):
        raise CampaignError(f"{path} is not a campaign: it must have keys such as campaign, size and seed.")
    try:
        return Campaign.model_validate(content)
    except ValidationError as error:
        told = "; ".join(_told(problem["loc"], problem["type"], problem["msg"]) for problem in error.errors())
        raise CampaignError(f"{path}: {told}") from error


def _told(place: Iterable[int | str], kind: str, message: str) -> str:
    where = ".".join(str(part) for part in place)
    if kind in ("missing", "too_short") and where in _CONDITIONS:
        return _CONDITIONS[where]
    if kind == "string_type":
        # YAML reads NO, on and 49 as something else.
        message = f"{message}: put it in quotes"
    return f"{where}: {message}"
