"""Scripted worlds: a whole planner over twins, whose experiments measure what a test says.

``World`` runs the real loop over in-memory stores and a journal in a folder; ``stand`` asks the rules
alone where a program stands, given some runs.
"""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from planner.deciding.situation import Plan, PlanningState
from planner.deciding.walk import build_plan
from planner.engine.loop import LoopResult, run_loop
from planner.engine.options import AdvanceOptions
from planner.evidence.evidence import Evidence
from planner.evidence.failures import failed_today
from planner.evidence.run_selection import Catalog, RunSelector, Snapshot
from planner.explaining.trace import Trace, trace_of
from planner.io.commands.session import Session
from planner.io.in_memory import MemoryRecords, MemoryRuns
from planner.io.journal.journal import Journal
from planner.io.journal.work import spent_in
from planner.io.pictures.memo_files import MemoryMemos
from planner.io.programs.loader import load_program
from planner.io.sync.mirror import write_person
from planner.io.sync.sync import import_records, mirror_pending
from planner.language.program import Program, build
from planner.lineage.in_force import kept_code
from planner.lineage.program_state import ProgramState, build_program_state
from planner.paths import Home
from planner.records.jobs import Description, Ended, Event, Job, Started
from planner.records.person import Exclusion, Override, Retry, Revocation
from planner.records.runs import PlannedRun, Run

ROOT = Path(__file__).parents[2]
CODE = "code-1"
Measured = Mapping[str, float] | str
"""The metrics of a run, or the outcome with which it fails."""
Script = Callable[[str, int], Measured]
"""What a run of an arm at a seed measures."""


def credit_linesearch() -> Program:
    """The program that ships."""
    return load_program(ROOT / "knowledge" / "programs" / "credit_linesearch.yaml")


def small(budget: Mapping[str, Any] | None = None, **first: Any) -> Program:
    """A program of three phases: ``first`` fails, its triage opens ``second`` and then ``third``.

    Args:
        first: keys of the first phase that replace these.
    """
    higher = {"metric": "score", "arm": "new", "versus": "base", "better_by": 0.5}
    options = [
        {"option": "turn", "rationale": "the other way", "opens": "second", "expects": ["higher"]},
        {"option": "repeat", "rationale": "once more", "opens": "third", "expects": ["higher"]},
    ]
    phase = {"question": "Higher?", "factor": "kind", "criteria": {"higher": higher}, "gate": ["higher"]}
    return build(
        {
            "program": "small",
            "question": "Is it higher?",
            "experiment": "made_up",
            "metrics": {"score": {"unit": "points", "better": "higher"}},
            "arms": {name: {"kind": name} for name in ("base", "new", "other", "last")},
            "phases": {
                "first": {**phase, "arms": ["base", "new"], "triage": {"options": options}, **first},
                "second": {
                    "question": "Or so?",
                    "same_as": "first",
                    "swap": {"new": "other"},
                    "factor": "kind",
                },
                "third": {
                    "question": "Or so?",
                    "same_as": "first",
                    "swap": {"new": "last"},
                    "factor": "kind",
                },
            },
            "budget": {"seeds_per_arm": 6, **(budget or {})},
            "probe": "off",
        }
    )


def scores(**arms: float) -> Script:
    """A script for the small program: arm -> score; the others score 0."""
    return steady({name: {"score": arms.get(name, 0.0)} for name in ("base", "new", "other", "last")})


def steady(values: Mapping[str, Mapping[str, float]], noise: float = 0.001) -> Script:
    """A script from arm -> metrics, with a little noise that follows from the seed."""

    def measure(arm: str, seed: int) -> Measured:
        shift = noise * random.Random(f"{arm} {seed}").uniform(-1.0, 1.0)
        return {metric: value + shift for metric, value in values[arm].items()}

    return measure


# --- the rules alone ---------------------------------------------------------------------------


def catalog_of(program: Program, fidelity: str | None = None, code: str = CODE, **more: Any) -> Catalog:
    """A catalog in which every arm's configuration is what the program says."""
    described = {
        (phase, arm, fidelity or rules.fidelity): description_of(program.params(phase, arm))
        for phase, rules in program.phases.items()
        for arm in rules.arms
    }
    return Catalog(code, more.get("accepted", frozenset()), described)


def description_of(params: Mapping[str, Any]) -> Description:
    """What the scripted experiment says of a configuration."""
    return Description(config=dict(params), data_name="made up", data_digest="made-up")


def own_plan(program: Program, phase: str, arm: str, seed: int, fidelity: str = "standard") -> PlannedRun:
    """A run of ours before it is made."""
    return catalog_of(program, fidelity).planned(phase, arm, fidelity, seed)


def own_run(program: Program, phase: str, arm: str, seed: int, measured: Measured, **more: Any) -> Run:
    """A finished run of ours."""
    fidelity, code = more.pop("fidelity", "standard"), more.pop("code", CODE)
    planned = catalog_of(program, fidelity, code).planned(phase, arm, fidelity, seed)
    fields: dict[str, Any] = {
        "id": f"{phase}-{arm}-{seed}-{more.get('attempt', 1)}-{code}",
        "fidelity": fidelity,
        "fingerprint": planned.fingerprint,
        "data_digest": planned.data_digest,
        "code_digest": code,
        "params": {k: str(v) for k, v in planned.params.items()},
        "seconds": 1.0,
        **({"outcome": measured} if isinstance(measured, str) else {"metrics": dict(measured)}),
        **more,
    }
    return Run(phase=phase, arm=arm, seed=seed, **fields)


def foreign_run(phase: str, arm: str, seed: int, measured: Measured, **more: Any) -> Run:
    """A finished run that somebody else logged."""
    fields = {"outcome": measured} if isinstance(measured, str) else {"metrics": dict(measured)}
    return Run(id=f"foreign-{phase}-{arm}-{seed}", phase=phase, arm=arm, seed=seed, **{**fields, **more})


def runs_of(program: Program, phase: str, script: Script, seeds: int = 3, **more: Any) -> list[Run]:
    """Our own runs of every arm of a phase."""
    arms = program.phases[phase].arms
    return [
        own_run(program, phase, arm, seed, script(arm, seed), **more) for arm in arms for seed in range(seeds)
    ]


def recall_of(program: Program, runs: Iterable[Run], **more: Any) -> RunSelector:
    """Recall over these runs."""
    catalog = more.pop("catalog", None) or catalog_of(program, more.pop("fidelity", None))
    return RunSelector(program, Snapshot(tuple(runs)), catalog, **more)


def situation_of(program: Program, runs: Iterable[Run], **more: Any) -> PlanningState:
    """The situation in which these runs are all there is."""
    excluded: Sequence[Exclusion] = more.pop("excluded", ())
    recall = recall_of(program, runs, excluded=excluded, fidelity=more.get("fidelity"))
    return PlanningState(program, recall.evidence_of, recall.missing, **more)


def stand(program: Program, runs: Iterable[Run], **more: Any) -> Plan:
    """Where a program stands, given these runs."""
    return build_plan(situation_of(program, runs, **more))


def override(program: Program, phase: str, **fields: Any) -> Override:
    """A person's word on a phase."""
    given = {"by": "ada", "at": "2026-01-02T00:00:00+00:00", "reason": "a reason", **fields}
    return Override(program=program.program, phase=phase, **given).identified("o")


# --- a whole world -----------------------------------------------------------------------------


class Crash(BaseException):
    """The planner dies: nothing catches it."""


@dataclass
class Ticking:
    """A clock that goes on by a second whenever it is asked."""

    at: datetime = datetime.fromisoformat("2026-01-01T00:00:00+00:00")

    def now(self) -> str:
        self.at += timedelta(seconds=1)
        return self.at.isoformat(timespec="seconds")

    def seconds(self) -> float:
        self.at += timedelta(seconds=1)
        return self.at.timestamp()


@dataclass
class Scripted:
    """A launcher whose runs measure what a script says, one after the other.

    Attributes:
        made: (arm, seed) of every run that was begun.
        descriptions_asked: how often an experiment was asked to describe itself.
        together: the most seeds that it says train together.
        groups: how many runs were to train together, for every run that was given first.
        reason: what runs that fail end in.
    """

    script: Script
    made: list[tuple[str, int]] = field(default_factory=list)
    descriptions_asked: int = 0
    workers: int = 1
    together: int = 1
    groups: list[int] = field(default_factory=list)
    reason: str = ""

    def describe(self, experiment: str, wanted: Sequence[tuple[dict[str, Any], str]]) -> list[Description]:
        self.descriptions_asked += 1
        descriptions = [description_of(params) for params, _ in wanted]
        return [one.model_copy(update={"together": self.together}) for one in descriptions]

    def run(self, jobs: Iterable[Job]) -> Generator[Event, None, None]:
        following = 0
        for job in jobs:
            if not following:
                following = job.more_together + 1
                self.groups.append(following)
            following -= 1
            yield Started(job_id=job.id, pid=0, process_start=0.0, host=socket.gethostname())
            measured = self.script(job.arm, job.seed)
            self.made.append((job.arm, job.seed))
            folder = Path(job.folder)
            folder.mkdir(parents=True, exist_ok=True)
            metrics = {} if isinstance(measured, str) else measured
            lines = [json.dumps([name, None, value]) for name, value in metrics.items()]
            (folder / "metrics.jsonl").write_text("".join(line + "\n" for line in lines))
            failed = isinstance(measured, str)
            ended = {"outcome": measured if failed else "ok", "reason": self.reason if failed else ""}
            ended["seconds"] = 1.0
            (folder / "result.json").write_text(json.dumps(ended))
            yield Ended(job_id=job.id, **ended)

    def close(self) -> None:
        """Nothing to end."""


@dataclass
class World:
    """One home with one program, over twins.

    Attributes:
        fail: told of every call to a part, before and after it; may raise.
    """

    folder: Path
    program: Program
    script: Script
    code: str = CODE
    runs: Any = field(default_factory=MemoryRuns)
    records: Any = field(default_factory=MemoryRecords)
    clock: Ticking = field(default_factory=Ticking)
    fail: Callable[[str], None] = lambda _: None
    launcher: Scripted = field(init=False)
    journal: Journal = field(init=False)

    def __post_init__(self) -> None:
        self.launcher = Scripted(lambda arm, seed: self.script(arm, seed))
        self.journal = Journal(self.folder / "mlruns" / "journal.db", durable=False)

    def desk(self, **options: Any) -> Session:
        """The desk of one advance."""
        memos: Any = MemoryMemos(self.folder / "memos")
        parts = [self.runs, self.records, self.journal, self.launcher, memos]
        runs, records, journal, launcher, memos = (Failing(part, lambda n: self.fail(n)) for part in parts)
        home = Home(self.folder)
        return Session(
            home,
            self.program,
            self.code,
            runs,
            records,
            journal,
            launcher,
            memos,
            self.clock,
            AdvanceOptions(**options),
        )

    def advance(
        self, every: bool = True, until: str | None = None, accept: bool = False, **wishes: Any
    ) -> LoopResult:
        """One ``advance``."""
        desk = self.desk(every=every, until=until, accept=accept, **wishes)
        import_records(desk.journal, desk.records, desk.runs, self.program)
        desk.reaper().settle()
        mirror_pending(desk.journal, desk.records, desk.program)
        done = run_loop(desk, desk.options)
        mirror_pending(desk.journal, desk.records, desk.program, done.plan.steps)
        return done

    @property
    def at(self) -> ProgramState:
        """Where the program stands, from the journal alone."""
        entries = self.journal.entries(self.program.program)
        spent = spent_in(self.journal.work(self.program.program))
        accepted = kept_code(entries, self.code)
        now, repeats = self.clock.now(), self.journal.repeats(self.program.program)
        state = build_program_state(self.program, entries, now, self.code, accepted, spent=spent)
        return replace(state, repeats=repeats)

    def say(self, phase: str, **fields: Any) -> Override:
        """A person overrides."""
        about = self.at.decisions.get(phase)
        override_record = override(
            self.program, phase, contradicts=about.id if about else None, at=self.clock.now(), **fields
        )
        write_person(self.journal, self.records, self.program, override_record)
        return override_record

    def revoke(self, revoked: Override) -> None:
        """A person takes an override back."""
        names = {"program": revoked.program, "phase": revoked.phase, "override_id": revoked.id}
        record = Revocation(**names, by="ada", at=self.clock.now(), reason="it was wrong").identified("r")
        write_person(self.journal, self.records, self.program, record)

    def exclude(self, run_id: str, phase: str, undone: bool = False) -> None:
        """A person keeps a run out of all evidence, or takes that back."""
        names = {"program": self.program.program, "phase": phase, "run_id": run_id, "undone": undone}
        record = Exclusion(**names, by="ada", at=self.clock.now(), reason="a bad machine").identified("x")
        write_person(self.journal, self.records, self.program, record)

    def retry(self, *run_ids: str) -> None:
        """A person has failed runs made again."""
        names = {"program": self.program.program, "run_ids": run_ids}
        record = Retry(**names, by="ada", at=self.clock.now(), reason="the host was full").identified("t")
        write_person(self.journal, self.records, self.program, record)

    def failed(self) -> list[str]:
        """The ids of the runs that count as failures."""
        runs = self.runs.snapshot(self.program).finished
        return [run.id for run in failed_today(runs, {self.code})]

    def ids(self) -> list[str]:
        """The ids of all records, in order of writing."""
        return [entry.record.id for entry in self.journal.entries(self.program.program)]

    def steps(self) -> list[tuple[str, str, str]]:
        """(phase, verdict, decision) for every phase on the way."""
        at = self.at
        return [(p, at.verdicts[p].id, at.decisions[p].id) for p in at.path if p in at.verdicts]


class Failing:
    """A part whose every call is announced before and after, so that a test can let one fail."""

    def __init__(self, part: Any, announce: Callable[[str], None]) -> None:
        self._part, self._announce = part, announce

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._part, name)
        if not callable(member):
            return member

        def call(*args: Any, **more: Any) -> Any:
            self._announce(f"before {type(self._part).__name__}.{name}")
            done = member(*args, **more)
            self._announce(f"after {type(self._part).__name__}.{name}")
            return done

        return call


def traces_of(at: ProgramState) -> list[Trace]:
    """What ``explain`` would speak of, phase by phase."""
    return [
        trace_of(
            program=at.program,
            phase=p,
            verdict=at.verdicts.get(p),
            decision=at.decisions.get(p),
            verdicts=at.verdicts,
            overrides=at.overrides,
            validity=at.validity,
            repeats=at.repeats,
        )
        for p in at.program.phases
    ]


def run_ids_of(evidence: Evidence, arm: str) -> list[str]:
    """The ids of the runs that count for an arm, by seed."""
    return [run.id for _, run in sorted(evidence.of(arm).items())]
