"""The words that program files are made of: names, numbers, and the base of every mapping."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic
from pydantic import ConfigDict, Discriminator, Field, Tag

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,79}$")]
LOGGED_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.\-/: @]{0,149}$"
LoggedName = Annotated[str, Field(pattern=LOGGED_NAME)]
"""The name of a metric or parameter, as people log them: ``val/acc``, ``recall@10``, ``exploration rate``."""
Pattern = Annotated[str, Field(pattern=r"^[A-Za-z0-9{][A-Za-z0-9_.\-{}]{0,119}$")]
Ref = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,159}$")]
Finite = Annotated[float, Field(allow_inf_nan=False, ge=-1e300, le=1e300)]
Scalar = bool | int | Finite | str | None
Param = Scalar | list[Scalar]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""What every generator takes."""


def _each_once(seeds: list[int]) -> list[int]:
    twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if twice:
        raise ValueError(f"{', '.join(map(str, twice))} stands there twice")
    return seeds


SeedNames = Annotated[list[Seed], Field(min_length=1, max_length=10_000), pydantic.AfterValidator(_each_once)]
SEED_TAGS = ("a number", "a list")
Seeds = Annotated[
    Annotated[int, Field(ge=1, le=10_000), Tag("a number")] | Annotated[SeedNames, Tag("a list")],
    Discriminator(lambda written: "a list" if isinstance(written, list) else "a number"),
]
"""A number of seeds, or their names."""
Direction = Literal["higher", "lower", "neither"]
Fidelity = Literal["smoke", "standard", "full"]
Treatment = Literal["bounds", "point"]
EarlierTreatment = Literal["interval", "sequential", "anytime"]
"""Words for what bounds do now: they are read as ``bounds``."""
Treated = Treatment | Literal["interval", "deterministic", "every_seed"] | EarlierTreatment
"""How uncertainty was treated: as the program asks, by an interval where a deviation is judged, seed by seed
where each has to meet the bound, not at all where the program states that there is none; records of earlier
versions have their own words."""
Statistic = Literal["first", "last", "min", "max", "mean", "slope"]
Pairing = Literal["always", "never"]
Consequence = Literal["invalid", "blocked", "caveat"]


def _switch_word(written: object) -> object:
    """YAML 1.1, and whoever writes JSON, has truth values where a switch has words."""
    return {True: "on", False: "off"}[written] if isinstance(written, bool) else written


Switch = Annotated[
    Literal["on", "off"],
    pydantic.BeforeValidator(_switch_word, json_schema_input_type=Literal["on", "off"] | bool),
]


def unless_written(default: Any) -> Any:
    """A field with this default; where nobody wrote its key, it is no part of what a program is known by."""
    return Field(default, exclude_if=lambda stated: stated == default)


class Written(pydantic.BaseModel):
    """Anything in a program file: unknown keys are errors, nothing changes after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
