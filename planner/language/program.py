"""The language of programs: what a file in ``knowledge/programs/`` may say.

The classes describe the written form, so that ``planner/language/json_schema.py`` fits what an editor sees.
:func:`build` checks that form, expands families of arms and ``same_as``, and checks the result again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

import planner
from planner.errors import ProgramError
from planner.language.criterion import Criterion
from planner.language.evidence_source import EvidenceSource, SeenRunIds
from planner.language.expansion import expand
from planner.language.metric import Metric
from planner.language.prediction import Prediction
from planner.language.types import (
    SEED_TAGS,
    Consequence,
    Fidelity,
    Finite,
    LoggedName,
    Name,
    Pairing,
    Param,
    Pattern,
    Ref,
    SeedNames,
    Seeds,
    Switch,
    Written,
    unless_written,
)

BUILT_IN_GUARDS = (
    "complete",
    "seeds",
    "artifacts",
    "finite",
    "leak",
    "floor",
    "seeds_matter",
    "deterministic",
)
OUTCOMES = ("pass", "fail", "inconclusive", "invalid", "blocked")
ENDS = ("triage", "wait", "stop", "back")


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

    @property
    def conditions(self) -> list[str]:
        """Every criterion that it asks about."""
        return [*self.when, *self.unless]


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


class Supersedes(Written):
    """The verdict that this phase replaces, and the confounds that it removes."""

    phase: Name
    case: Name | None = None
    confounds: dict[LoggedName, str] = {}


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
    factor: list[LoggedName] | LoggedName = []
    """The parameters in which compared arms are meant to differ."""
    tuned: list[LoggedName] | LoggedName = []
    """Parameters that each arm sets for itself."""
    on_confound: Literal["caveat", "invalid"] = "caveat"
    seeds: Seeds = 3
    """The least number of seeds, or those that are made first by name: then all of them at least."""
    pair: Pairing | None = unless_written(None)
    """Whether compared arms are taken seed by seed; as their seeds allow if absent."""
    fidelity: Fidelity = "standard"
    asks_for: Literal["provisional", "confirmed"] = "provisional"
    """What the verdict that opens this phase must be."""
    with_: dict[LoggedName, Param] = Field({}, alias="with")
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
    def least_seeds(self) -> int:
        """How many seeds its verdict asks for at least."""
        return self.seeds if isinstance(self.seeds, int) else len(self.seeds)

    @property
    def factors(self) -> list[str]:
        """``factor`` as a list."""
        return [self.factor] if isinstance(self.factor, str) else list(self.factor)

    @property
    def tuned_params(self) -> list[str]:
        """``tuned`` as a list."""
        return [self.tuned] if isinstance(self.tuned, str) else list(self.tuned)

    @property
    def rows(self) -> list[Rule]:
        """Every case and every tier."""
        return [*self.cases.values(), *self.tiers]

    def row(self, name: str | None) -> Rule | None:
        """The case or tier of that name; no case has the name of a tier."""
        return self.cases.get(name or "") or next((t for t in self.tiers if t.tier == name), None)


class Hypotheses(Written):
    """Competing hypotheses: the cases of one decisive phase."""

    decided_by: Name
    rivals: Annotated[dict[Name, str], Field(min_length=2)]


class Figure(Written):
    """A picture in the memo of every phase whose runs hold its metrics."""

    shows: Annotated[list[LoggedName], Field(min_length=1)]
    against: LoggedName | None = None
    """The metric on the horizontal axis, paired by step; without it, one point per arm and seed."""
    scale: Literal["linear", "log"] = "linear"
    """Of the horizontal axis."""
    title: str = ""


class Budget(Written):
    """What the whole program may cost, and how often its gates may err."""

    runs: Annotated[int, Field(ge=1)] | None = None
    seconds: Annotated[Finite, Field(gt=0)] | None = None
    seeds_per_arm: Annotated[int, Field(ge=1, le=10_000)] = 32
    retries: Annotated[int, Field(ge=0, le=10)] = 1
    """How often a run that did not end by its own fault is tried again."""
    run_seconds: Annotated[Finite, Field(gt=0)] | None = None
    """Seconds that one run may take; it then ends as ``timeout``."""
    false_pass: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    """That any gate passes although nothing is true."""
    gates: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Among how many ``false_pass`` is shared alike; without it, earlier gates get more than later ones."""
    false_fail: Annotated[float, Field(gt=0, lt=0.5)] = 0.10
    claims_fdr: Annotated[float, Field(gt=0, lt=0.5)] | None = unless_written(None)
    """Of the claims that are called supported, the share that may be false on average."""


class Program(Written):
    """One line of research.

    A frozen pydantic model whose attributes are the keys of the program file. :func:`planner.load_program`
    makes one from a file or a mapping and checks it.

    Example:
        >>> from planner.testing import example_program, example_table
        >>> program = example_program()
        >>> program.question, list(program.phases)
        ('Does dropout help?', ['first_look'])
        >>> program.judge(example_table()).outcome
        'pass'
    """

    program: Name
    question: str
    source: str = ""
    experiment: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,79}$")] | None = None
    command: list[str] | None = None
    evidence: list[EvidenceSource] = unless_written([])
    """Stores whose runs count; with it, a program needs no experiment, and then launches nothing."""
    depends: list[Annotated[str, Field(min_length=1, max_length=500)]] = []
    metrics: Annotated[dict[LoggedName, Metric], Field(min_length=1)]
    arms: Annotated[dict[Pattern, dict[LoggedName, Param]], Field(min_length=1)]
    with_: dict[LoggedName, Param] = Field({}, alias="with")
    phases: Annotated[dict[Name, Phase], Field(min_length=1)]
    hypotheses: Hypotheses | None = None
    figures: dict[Name, Figure] = {}
    budget: Budget = Budget()
    confirm: bool = False
    probe: Switch = "on"
    """The first run is made twice, to see whether it gives the same numbers; ``off`` for runs of hours."""
    deterministic: bool = False
    """Every metric is, unless it says otherwise."""
    seeds: SeedNames | None = unless_written(None)
    """The seeds that are made first; then the lowest others."""
    seen_runs: SeenRunIds | None = unless_written(None)
    """Runs that were seen before the program was written."""
    notify: Annotated[list[str], Field(min_length=1)] | None = None
    """Words of a command that is called when the program waits for a person, is blocked, or done."""

    @pydantic.model_validator(mode="after")
    def _measured_somehow(self) -> Program:
        if self.experiment is not None and self.command is not None:
            raise ValueError("has an experiment and a command: leave out one")
        if not self.launches and not self.evidence:
            raise ValueError("needs an experiment, a command, or evidence that is there already")
        return self

    @pydantic.field_validator("depends")
    @classmethod
    def _below_home(cls, patterns: list[str]) -> list[str]:
        for pattern in patterns:
            if pattern.startswith("/") or ".." in pattern.split("/"):
                raise ValueError(f"'{pattern}' may lie outside the home: name files by their path below it")
        return patterns

    @property
    def launches(self) -> bool:
        """Whether it can make runs itself."""
        return self.experiment is not None or self.command is not None

    @property
    def logged_names(self) -> dict[str, str]:
        """Metric -> the name under which runs log it; of metrics that are measured."""
        return {name: m.logged_as or name for name, m in self.metrics.items() if m.share is None}

    @property
    def first(self) -> str:
        """The phase that a program begins with: the first in the file."""
        return next(iter(self.phases))

    def params(self, phase: str, arm: str) -> dict[str, Any]:
        """The parameters of an arm in a phase: the program's, the phase's, the arm's own."""
        return {**self.with_, **self.phases[phase].with_, **self.arms[arm]}

    def most_seeds(self, phase: str, fidelity: str) -> int:
        """How many seeds an arm of a phase may have at a fidelity; a smoke run has no more than two.

        A program that makes no runs itself plans none, unless it says so: the first look is the final one.
        """
        seeds = self.phases[phase].least_seeds
        if not self.launches and "seeds_per_arm" not in self.budget.model_fields_set:
            return seeds
        return min(seeds, 2) if fidelity == "smoke" else max(seeds, self.budget.seeds_per_arm)

    def seeds_by_name(self, phase: str) -> list[int]:
        """The seeds that a phase's arms are given first, in this order."""
        named = self.phases[phase].seeds
        return list(self.seeds or []) if isinstance(named, int) else list(named)

    @property
    def probes(self) -> bool:
        """Whether the first run is made twice."""
        return self.probe == "on"

    def with_parts(self, metrics: Iterable[str]) -> set[str]:
        """These metrics and, for each that is a share, those of its sum."""
        named = set(metrics)
        return named.union(*(self.metrics[name].of for name in named if name in self.metrics))

    def judge(
        self,
        table: object,
        /,
        *,
        phase: str | None = None,
        fidelity: str | None = None,
        earlier: Iterable[planner.Verdict] = (),
    ) -> planner.Verdict:
        """The verdict of a phase on a table of runs, as :func:`planner.judge` gives it."""
        return planner.judge(self, table, phase=phase, fidelity=fidelity, earlier=earlier)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from planner.language.html import program_html

        return program_html(self)


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


_TAGS = {"level", "comparison", "order", "spread", "blocked", "combined"}


def _problem(error: Any) -> tuple[tuple[str | int, ...], str]:
    """Where (without the tags that the schema adds) and what."""
    loc = [part for part in error["loc"] if part not in ("[key]", *SEED_TAGS)]
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
