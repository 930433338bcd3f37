"""The language of programs: what a file in ``knowledge/programs/`` may say.

The classes describe the written form, so that :func:`json_schema` fits what an editor sees.
:func:`build` checks that form, expands families of arms and ``same_as``, and checks the result again.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic
from pydantic import ConfigDict, Discriminator, Field, Tag

from planner.errors import ProgramError
from planner.expand import expand

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,79}$")]
Pattern = Annotated[str, Field(pattern=r"^[A-Za-z0-9{][A-Za-z0-9_.\-{}]{0,119}$")]
Ref = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,159}$")]
Finite = Annotated[float, Field(allow_inf_nan=False, ge=-1e300, le=1e300)]
Scalar = bool | int | Finite | str | None
Param = Scalar | list[Scalar]
Direction = Literal["higher", "lower", "neither"]
Fidelity = Literal["smoke", "standard", "full"]
Treatment = Literal["point", "interval", "sequential"]
Statistic = Literal["first", "last", "min", "max", "mean", "slope"]
Consequence = Literal["invalid", "blocked", "caveat"]

BUILT_IN_GUARDS = ("complete", "seeds")
OUTCOMES = ("pass", "fail", "inconclusive", "invalid", "blocked")
ENDS = ("triage", "wait", "stop", "back")


class Written(pydantic.BaseModel):
    """Anything in a program file: unknown keys are errors, nothing changes after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Metric(Written):
    """A quantity that runs measure."""

    unit: str
    """What one of it is: nats, fraction, ms."""
    better: Direction
    """Which way is better."""
    means: str = ""
    floor: Finite | Name | None = None
    """What doing nothing clever scores: a number, or the metric that holds it."""
    share: Name | None = None
    """Derived: this metric's share ..."""
    of: list[Name] = []
    """... of the sum of these."""


class Measured(Written):
    """What every measured criterion may say: a metric, a bound, and modifiers."""

    metric: Name
    at: int | Statistic | None = None
    """Which value of a run's series: a step, or a statistic over steps; the final one if absent."""
    since: int | Literal["first"] | None = None
    """Compare that value with the one at this step of the same run (difference, or ratio)."""
    as_: Literal["difference", "ratio"] = Field("difference", alias="as")
    over_seeds: Literal["sd"] | None = None
    """Judge the standard deviation over seeds in place of the values."""
    needs_complete: bool = False
    """Later epochs can change it: undecided on runs that ended early."""
    treatment: Treatment | None = None
    """How uncertainty is treated; sequential for better_by, otherwise interval."""
    factor: list[Name] | Name = []
    """The parameters in which the arms compared here are meant to differ; the phase's if absent."""
    says: str = ""

    above: Finite | Literal["floor"] | None = None
    at_least: Finite | Literal["floor"] | None = None
    below: Finite | Literal["floor"] | None = None
    at_most: Finite | Literal["floor"] | None = None
    between: tuple[Finite, Finite] | None = None
    within: Annotated[Finite, Field(gt=0)] | None = None
    """Equivalence: no further from zero (from one, for a ratio) than this."""
    better_by: Annotated[Finite, Field(gt=0)] | None = None
    """The smallest improvement that matters, in the metric's own unit and direction."""

    @property
    def threshold_key(self) -> str | None:
        """The one bound that is set; None for an order."""
        return next((b for b in BOUNDS if getattr(self, b) is not None), None)

    @property
    def threshold(self) -> float | tuple[float, float]:
        """The bound's value; a floor counts as zero, because the floor is subtracted first."""
        value = getattr(self, self.threshold_key) if self.threshold_key else 0.0
        return 0.0 if value == "floor" else value

    @property
    def against_floor(self) -> bool:
        """Whether the bound is the metric's floor."""
        return self.threshold_key is not None and getattr(self, self.threshold_key) == "floor"

    @property
    def factors(self) -> list[str]:
        """``factor`` as a list."""
        return [self.factor] if isinstance(self.factor, str) else list(self.factor)

    @pydantic.model_validator(mode="after")
    def _one_bound(self) -> Measured:
        given = [b for b in BOUNDS if getattr(self, b) is not None]
        if len(given) != (0 if isinstance(self, Order) else 1):
            wanted = "no bound" if isinstance(self, Order) else f"exactly one of {', '.join(BOUNDS)}"
            raise ValueError(f"needs {wanted}, has {', '.join(given) or 'none'}")
        if self.between is not None and self.between[0] > self.between[1]:
            raise ValueError("between: the lower end comes first")
        return self


BOUNDS = ("above", "at_least", "below", "at_most", "between", "within", "better_by")


class _OverArms(Measured):
    arm: Pattern | None = None
    each_of: list[Pattern] | Pattern = []
    any_arm: list[Pattern] | Pattern = []

    @property
    def subjects(self) -> list[str]:
        """The arms that are judged, in order."""
        if self.arm is not None:
            return [self.arm]
        chosen = self.each_of or self.any_arm
        return [chosen] if isinstance(chosen, str) else list(chosen)

    @pydantic.model_validator(mode="after")
    def _one_subject(self) -> _OverArms:
        if sum(map(bool, (self.arm, self.each_of, self.any_arm))) != 1:
            raise ValueError("needs exactly one of arm, each_of, any_arm")
        return self


class Level(_OverArms):
    """A threshold on an arm's own value."""

    @property
    def kind(self) -> str:
        return "level"

    @pydantic.model_validator(mode="after")
    def _no_versus(self) -> Level:
        if self.better_by is not None:
            raise ValueError("better_by needs versus: better than which arm?")
        return self


class Comparison(_OverArms):
    """A difference or ratio between two arms, or between two metrics of one arm."""

    versus: Pattern | None = None
    versus_metric: Name | None = None

    @property
    def kind(self) -> str:
        return "comparison"

    @property
    def other_metric(self) -> str:
        """The metric on the right-hand side."""
        return self.versus_metric or self.metric

    @pydantic.model_validator(mode="after")
    def _ratio_has_no_delta(self) -> Comparison:
        if self.better_by is not None and self.as_ == "ratio":
            raise ValueError("better_by is a difference in the metric's own unit: leave out 'as: ratio'")
        return self


class Order(Measured):
    """Arms from best to worst on one metric."""

    best_first: Annotated[list[Pattern], Field(min_length=1)]

    @property
    def kind(self) -> str:
        return "order"

    @property
    def subjects(self) -> list[str]:
        """The arms that are judged, best first."""
        return list(self.best_first)


class Spread(Measured):
    """A plateau: the largest difference among several arms."""

    spread_of: list[Pattern] | Pattern

    @property
    def kind(self) -> str:
        return "spread"

    @property
    def subjects(self) -> list[str]:
        """The arms that are judged."""
        return [self.spread_of] if isinstance(self.spread_of, str) else list(self.spread_of)

    @pydantic.model_validator(mode="after")
    def _at_most_only(self) -> Spread:
        if self.at_most is None or self.at_most == "floor":
            raise ValueError("spread_of needs at_most: the largest spread that still counts as flat")
        return self


class Combined(Written):
    """Criteria joined by and / or."""

    all_of: list[Ref] = []
    any_of: list[Ref] = []
    says: str = ""

    @property
    def kind(self) -> str:
        return "combined"

    @property
    def parts(self) -> list[str]:
        """The criteria that are joined."""
        return list(self.all_of or self.any_of)

    @pydantic.model_validator(mode="after")
    def _one_list(self) -> Combined:
        if bool(self.all_of) == bool(self.any_of):
            raise ValueError("needs exactly one of all_of, any_of, not empty")
        return self


def _kind_by_keys(value: Any) -> str:
    if isinstance(value, Written):
        return str(getattr(value, "kind", "level"))
    keys = set(value) if isinstance(value, dict) else set()
    if keys & {"all_of", "any_of"}:
        return "combined"
    if "best_first" in keys:
        return "order"
    if "spread_of" in keys:
        return "spread"
    return "comparison" if keys & {"versus", "versus_metric"} else "level"


Criterion = Annotated[
    Annotated[Level, Tag("level")]
    | Annotated[Comparison, Tag("comparison")]
    | Annotated[Order, Tag("order")]
    | Annotated[Spread, Tag("spread")]
    | Annotated[Combined, Tag("combined")],
    Discriminator(_kind_by_keys),
]


class Rule(Written):
    """When a case or tier holds: every ``when`` met and every ``unless`` not met."""

    means: str
    when: list[Ref] = []
    unless: list[Ref] = []
    otherwise: bool = False

    @pydantic.model_validator(mode="after")
    def _says_when(self) -> Rule:
        if self.otherwise == bool(self.when or self.unless):
            raise ValueError("needs when / unless, or 'otherwise: true', not both")
        return self


class Tier(Rule):
    """A graded outcome; the first that holds."""

    tier: Name


class ClaimRule(Written):
    """A sentence about the world and the criteria that it rests on."""

    says: str
    supported: Annotated[list[Ref], Field(min_length=1)]
    supported_in_direction: list[Ref] = []
    equivalent: list[Ref] = []
    refuted: list[Ref] = []
    caveat_unless: list[Ref] = []


class Prediction(Written):
    """The verdict that is expected, written down before the runs."""

    outcome: Literal["pass", "fail"] | None = None
    tier: Name | None = None
    case: Name | None = None
    probability: Annotated[float, Field(ge=0, le=1)]
    because: str = ""

    @pydantic.model_validator(mode="after")
    def _of_one_thing(self) -> Prediction:
        if sum(v is not None for v in (self.outcome, self.tier, self.case)) != 1:
            raise ValueError("predicts exactly one of outcome, tier, case")
        return self


class Supersedes(Written):
    """The verdict that this phase replaces, and the confounds that it removes."""

    phase: Name
    case: Name | None = None
    confounds: dict[Name, str] = {}


class Option(Written):
    """A named reply to a gate that did not pass."""

    option: Name
    rationale: str
    opens: Name
    expects: list[Ref] = []
    """Criteria of the phase that it opens."""
    cost_hours: Annotated[float, Field(ge=0)] | tuple[float, float] = 0.0
    risk: str = ""
    tries: Annotated[int, Field(ge=1, le=1000)] = 1
    needs_person: Literal["to_approve", "to_act"] | None = None
    revisit_when: list[Ref] = []
    """Deferred until all of these are met."""
    discouraged: str = ""
    """Why it comes last."""

    @property
    def least_hours(self) -> float:
        """The lower end of the cost."""
        return self.cost_hours[0] if isinstance(self.cost_hours, tuple) else self.cost_hours


class Triage(Written):
    """What to try when a gate did not pass."""

    policy: Literal["listed", "cheapest"] = "listed"
    diagnose: Name | None = None
    """A phase that is judged first."""
    options: Annotated[list[Option], Field(min_length=1)]


class Phase(Written):
    """A node of the program's graph."""

    question: str
    arms: list[Pattern] = []
    criteria: dict[Name, Criterion] = {}
    gate: list[Ref] = []
    factor: list[Name] | Name = []
    """The parameters in which compared arms are meant to differ."""
    tuned: list[Name] | Name = []
    """Parameters that each arm sets for itself."""
    on_confound: Literal["caveat", "invalid"] = "caveat"
    seeds: Annotated[int, Field(ge=1, le=10_000)] = 3
    """The least number of seeds."""
    fidelity: Fidelity = "standard"
    asks_for: Literal["provisional", "confirmed"] = "provisional"
    """What the verdict that opens this phase must be."""
    with_: dict[Name, Param] = Field({}, alias="with")
    guards: dict[Ref, Consequence] = {}
    tiers: list[Tier] = []
    cases: dict[Name, Rule] = {}
    claims: dict[Name, ClaimRule] = {}
    prediction: Prediction | None = None
    supersedes: Supersedes | None = None
    next: dict[Name, Name] = {}
    triage: Triage | None = None
    same_as: Name | None = None
    swap: dict[Name, Name] = {}
    runs_of: Name | None = None
    select: dict[Name, str] = {}
    artifacts: list[str] = []

    @property
    def factors(self) -> list[str]:
        """``factor`` as a list."""
        return [self.factor] if isinstance(self.factor, str) else list(self.factor)

    @property
    def tuned_params(self) -> list[str]:
        """``tuned`` as a list."""
        return [self.tuned] if isinstance(self.tuned, str) else list(self.tuned)


class Hypotheses(Written):
    """Competing hypotheses: the cases of one decisive phase."""

    decided_by: Name
    rivals: Annotated[dict[Name, str], Field(min_length=2)]


class Figure(Written):
    """A picture in the memo of every phase whose runs hold its metrics."""

    shows: Annotated[list[Name], Field(min_length=1)]
    against: Name | None = None
    """The metric on the horizontal axis, paired by step; without it, one point per arm and seed."""
    scale: Literal["linear", "log"] = "linear"
    """Of the horizontal axis."""
    title: str = ""


class Budget(Written):
    """What the whole program may cost, and how often its gates may err."""

    runs: Annotated[int, Field(ge=1)] | None = None
    seconds: Annotated[Finite, Field(gt=0)] | None = None
    seeds_per_arm: Annotated[int, Field(ge=1, le=10_000)] = 32
    false_pass: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    false_fail: Annotated[float, Field(gt=0, lt=0.5)] = 0.10


class Program(Written):
    """One line of research."""

    program: Name
    question: str
    source: str = ""
    experiment: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,79}$")] | None = None
    command: list[str] | None = None
    metrics: Annotated[dict[Name, Metric], Field(min_length=1)]
    arms: Annotated[dict[Pattern, dict[Name, Param]], Field(min_length=1)]
    with_: dict[Name, Param] = Field({}, alias="with")
    phases: Annotated[dict[Name, Phase], Field(min_length=1)]
    hypotheses: Hypotheses | None = None
    figures: dict[Name, Figure] = {}
    budget: Budget = Budget()
    confirm: bool = False

    @pydantic.model_validator(mode="after")
    def _measured_somehow(self) -> Program:
        if (self.experiment is None) == (self.command is None):
            raise ValueError("needs exactly one of experiment, command")
        return self

    @property
    def first(self) -> str:
        """The phase that a program begins with: the first in the file."""
        return next(iter(self.phases))

    def params(self, phase: str, arm: str) -> dict[str, Any]:
        """The parameters of an arm in a phase: the program's, the phase's, the arm's own."""
        return {**self.with_, **self.phases[phase].with_, **self.arms[arm]}


def build(raw: dict[str, Any]) -> Program:
    """A checked, expanded program from the mapping in its file.

    Raises:
        ProgramError: what is wrong and where (a path of keys); the caller adds file and line.
    """
    try:
        Program.model_validate(raw)
        program = Program.model_validate(expand(raw))
    except pydantic.ValidationError as error:
        raise ProgramError(problems=[_problem(e) for e in error.errors()]) from None
    return program


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a program file, for editors."""
    schema = Program.model_json_schema(by_alias=True)
    told = _attribute_docstrings()
    for name, definition in [*schema["$defs"].items(), (Program.__name__, schema)]:
        for base in globals()[name].__mro__:
            for field, text in told.get(base.__name__, {}).items():
                definition["properties"].get(field, {}).setdefault("description", text)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "phasegate program"
    return schema


def _attribute_docstrings() -> dict[str, dict[str, str]]:
    """Class -> key -> the text that stands under it in this file.

    pydantic can read these too, but does so at every import, which costs more than all else here.
    """
    import ast
    from pathlib import Path

    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(Path(__file__).read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.ClassDef):
            continue
        texts = {}
        for line, after in zip(node.body, node.body[1:], strict=False):
            told = after.value if isinstance(after, ast.Expr) else None
            if isinstance(line, ast.AnnAssign) and isinstance(told, ast.Constant):
                texts[ast.unparse(line.target).rstrip("_")] = " ".join(str(told.value).split())
        found[node.name] = texts
    return found


_TAGS = {"level", "comparison", "order", "spread", "combined"}


def _problem(error: Any) -> tuple[tuple[str | int, ...], str]:
    """Where (without the tags that the schema adds) and what."""
    loc = [part for part in error["loc"] if part != "[key]"]
    path = tuple(p for i, p in enumerate(loc) if not (p in _TAGS and i and i == _tag_position(loc)))
    kind, message = error["type"], str(error["msg"]).removeprefix("Value error, ")
    if kind == "extra_forbidden":
        message = (
            f"unknown key '{path[-1]}'; if it is part of a sentence with a comma, put the sentence in quotes"
        )
    elif kind == "missing":
        message = f"'{path[-1]}' is missing"
    elif kind == "string_pattern_mismatch":
        message = f"{str(error['input'])[:80]!r} is no name: letters, digits, '_', '-' and '.', no spaces"
    elif kind in ("model_type", "model_attributes_type", "dict_type"):
        message = "should be a mapping of keys to values"
    elif "input" in error and isinstance(error["input"], str | int | float | bool | None):
        message = f"{message} (got {str(error['input'])[:80]!r})"
    return path, message


def _tag_position(loc: list[Any]) -> int:
    return loc.index("criteria") + 2 if "criteria" in loc else -1
