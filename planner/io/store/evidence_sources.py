"""Runs in the stores that a program names as its evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from planner.errors import NoSuchMetric, OptionError, ProgramError, UsageError
from planner.history.filtering import parse_condition
from planner.history.logged_run import LoggedRun, run_id_in
from planner.history.program_arms import arm_rules, settings_of_arms
from planner.history.question import HistoryQuestion
from planner.history.seeds import read_seeds
from planner.io.histories.open_history import is_address, read_history
from planner.io.mlflow import tags
from planner.io.mlflow.client import has_store
from planner.io.mlflow.home_store import store_uri
from planner.io.store.selected_runs import measured
from planner.language.evidence_source import EvidenceSource
from planner.language.program import Program
from planner.paths import Home
from planner.records.runs import DIGEST_LENGTH, Run, RunOutcome

_OUTCOMES: Mapping[str, RunOutcome] = {
    "finished": "ok",
    "failed": "code_error",
    "killed": "killed",
    "running": "lost",
}
_KEYS = {"experiment": "experiments", "arms-by": "arms_by", "seed-from": "seed_from"}
DECLARED = "declared"
"""The digest of data that a program says are the same."""


@dataclass
class _Held:
    """What a store holds of one run.

    Attributes:
        values, steps: by the name under which a metric was logged.
    """

    run: LoggedRun
    values: dict[str, float] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)


def runs_in_sources(home: Home, program: Program) -> list[Run]:
    """Every run in a program's sources that is of one of its arms, once for each phase that reads it.

    A run that says no seed gets a number below 0 that no other has: it takes nobody's place, and pairs with
    nobody. A parent of other runs is no run of an arm.

    Raises:
        ProgramError: a source leads nowhere; the key is named.
        StoreUnavailable: a store cannot be reached or read.

    Side effects: reads the stores.
    """
    runs: dict[tuple[str, str, str], Run] = {}
    unseeded: dict[str, int] = {}
    for index, source in enumerate(program.evidence):
        with _as_fault_of(index):
            for run in _runs_of(home, program, source, unseeded):
                runs.setdefault((run.phase, run.arm, run.id), run)
    return list(runs.values())


@contextmanager
def _as_fault_of(index: int) -> Iterator[None]:
    """Says of what is wrong with a source which of its keys says so."""
    try:
        yield
    except OptionError as error:
        key = _KEYS.get(error.option, error.option)
        raise ProgramError([(("evidence", index, key), error.fault)]) from error
    except UsageError as error:
        raise ProgramError([(("evidence", index, "store"), error.what)]) from error


def _runs_of(home: Home, program: Program, source: EvidenceSource, unseeded: dict[str, int]) -> Iterator[Run]:
    """The runs of one source that are of some arm."""
    held = _read(home, program, source)
    parents = {one.run.parent for one in held}
    condition, rules = parse_condition(source.where), arm_rules(program, source)
    wanted = [
        one
        for one in held
        if one.run.tags.get(tags.KIND, "run") == "run" and one.run.id not in parents and condition(one.run)
    ]
    seeds = read_seeds([one.run for one in wanted], source.seed_from)
    for one in wanted:
        seed = seeds.of_run.get(one.run.id)
        number = seed if seed is not None else unseeded.setdefault(_id(source, one.run), -1 - len(unseeded))
        read_from = seeds.param if one.run.seed is None and seed is not None else None
        for rule in rules:
            if rule.holds(one.run):
                yield _as_run(program, source, one, rule.phase, rule.arm, number, read_from)


def _read(home: Home, program: Program, source: EvidenceSource) -> list[_Held]:
    """What a source's store holds of every metric of the program.

    Raises:
        NoSuchMetric: it holds none of them.
    """
    if source.store is None and not has_store(home):
        return []
    store = _address(home, source.store)
    experiments = source.experiments or ([program.program] if source.store is None else [])
    names = tuple(program.logged_names.values())
    held: dict[str, _Held] = {}
    absent: list[NoSuchMetric] = []
    for name in names:
        question = HistoryQuestion(
            metric=name,
            arms_by=tuple(source.arms_by or settings_of_arms(program)) or ("experiment",),
            seed_from=source.seed_from,
            measured=names,
        )
        try:
            history = read_history(home, store, question, experiments)
        except NoSuchMetric as error:
            absent.append(error)
            continue
        for run in history.runs:
            one = held.setdefault(run.id, _Held(run))
            if run.value is not None:
                one.values[name] = run.value
            if run.value is not None and run.step is not None:
                one.steps[name] = run.step
    if len(absent) == len(names):
        raise absent[0]
    return list(held.values())


def _address(home: Home, store: str | None) -> str:
    """A store as ``read_history`` takes it: a path is one below the home."""
    if store is None:
        return store_uri(home)
    if is_address(store):
        return store
    return str(home.root / Path(store).expanduser())


def _id(source: EvidenceSource, run: LoggedRun) -> str:
    return run_id_in(source.store or "", run.id)


def _as_run(
    program: Program,
    source: EvidenceSource,
    one: _Held,
    phase: str,
    arm: str,
    seed: int,
    seed_from: str | None,
) -> Run:
    run = one.run
    digest = run.data or (DECLARED if source.same_data else None)
    by_name = {logged: name for name, logged in program.logged_names.items()}
    seconds = 0.0
    if run.began is not None and run.ended is not None:
        seconds = max(run.ended - run.began, 0.0)
    params = {k: v for k, v in run.params.items() if k != seed_from and k not in one.values}
    return measured(
        program,
        Run(
            id=_id(source, run),
            phase=phase,
            arm=arm,
            seed=seed,
            outcome=_OUTCOMES[run.status],
            reason="it is still RUNNING" if run.status == "running" else "",
            params=params,
            metrics={by_name.get(name, name): value for name, value in one.values.items()},
            last_steps={by_name.get(name, name): step for name, step in one.steps.items()},
            data_digest=digest[:DIGEST_LENGTH] if digest else None,
            device=run.params.get("device"),
            seconds=seconds,
            ended=run.ended,
            seed_from=seed_from or "",
        ),
    )
