"""Explains why a record does not come out again: rules or evidence changed, or the record was altered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Any, Literal

from planner.deciding.launch import decision_digest
from planner.evidence.digests import run_digest, stepped_metrics
from planner.evidence.sample import run_value
from planner.evidence.values import as_text
from planner.explaining.rules_diff import RuleChange, changes
from planner.judging.rules_digest import phase_rules, rules_digest
from planner.language.criterion import Measured
from planner.language.program import Program
from planner.language.readings import which_value
from planner.language.transitions import openers
from planner.records.base import Identified, Record, canonical
from planner.records.decision import Decision
from planner.records.runs import Run
from planner.records.verdict import Considered, TableRow, Verdict
from planner.replay.archive import Log
from planner.replay.rederive import differing

Kind = Literal["rules", "evidence", "record"]
_LONG = 120
"""A text of at most so many characters is shown whole."""


class Difference(Record):
    """Something on account of which a record does not come out again.

    Attributes:
        id: of the run for ``evidence``, of the record otherwise.
        changes: the rules that changed, where a verdict holds what they were.
    """

    kind: Kind
    id: str
    what: str
    changes: tuple[RuleChange, ...] = ()


def each_once(differences: Iterable[Difference]) -> list[Difference]:
    """The differences, each once."""
    once: list[Difference] = []
    for difference in differences:
        once += [] if difference in once else [difference]
    return once


def verdict_differences(program: Program, recorded: Verdict, derived: Verdict, log: Log) -> list[Difference]:
    """Why a verdict comes out otherwise today; empty where it comes out byte for byte."""
    if recorded.id == derived.id and not differing(recorded, derived):
        return []
    differences = [
        *_rules_changed(program, recorded),
        *evidence_differences(program, recorded, log),
    ]
    return differences or list(_shown_otherwise(recorded, derived)) or [altered(recorded, derived)]


def decision_differences(
    program: Program, recorded: Decision, derived: Decision, log: Log
) -> list[Difference]:
    """Why a decision comes out otherwise today although its verdict does not."""
    if recorded.id == derived.id and not differing(recorded, derived):
        return []
    differences: list[Difference] = []
    if recorded.program_digest != decision_digest(program, recorded.phase):
        differences.append(_routing_changed(program, recorded, derived, log))
    if recorded.inputs is not None:
        steps = stepped_metrics(program, recorded.phase)
        differences += _evidence(program, recorded.phase, recorded.inputs.considered, (), steps, log)
    differences += [
        gone(i, f"the override that {recorded.id} follows")
        for i in recorded.override_ids
        if i not in log.overrides
    ]
    if not differences and "due" in differing(recorded, derived):
        differences.append(
            _routing_changed(program, recorded, derived, log)
        )  # what is due stands in any phase's triage
    return differences or [altered(recorded, derived)]


def missing_dependencies(record: Verdict | Decision, log: Log) -> list[Difference]:
    """Verdicts that a decision rested on and that are on record no more."""
    inputs = record.inputs if isinstance(record, Decision) else None
    verdict_ids = [*(inputs.verdicts if inputs else ())]
    if isinstance(record, Decision) and record.verdict_id and record.action != "add_seeds":
        verdict_ids.append(record.verdict_id)
    return [gone(i, f"the verdict that {record.id} rests on") for i in verdict_ids if i not in log.verdicts]


def gone(record_id: str, what: str) -> Difference:
    """A record that is nowhere to be found."""
    return Difference(kind="record", id=record_id, what=f"{what} is on record no more")


def altered(recorded: Identified, derived: Identified) -> Difference:
    """A record that does not follow from rules and evidence which are as they were."""
    names = differing(recorded, derived)
    if not names:
        return Difference(kind="record", id=recorded.id, what="its id is not the digest of its content")
    old, new = recorded.model_dump(mode="json"), derived.model_dump(mode="json")
    difference = first_difference(names[0], old[names[0]], new[names[0]])
    return Difference(kind="record", id=recorded.id, what=f"rules and evidence do not give its {difference}")


def first_difference(name: str, old: Any, new: Any, where: tuple[str, str] = ("on record", "derived")) -> str:
    """The first key at which two JSON values differ, with both: ``name.key: 1 on record, 2 derived``."""
    change = next(iter(changes({name: old}, {name: new})), RuleChange(path=name, old=old, new=new))
    texts = _text(change.old), _text(change.new)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(*texts, strict=False)))
    one, other = (_cut(text, max(same - 20, 0)) for text in texts)
    return f"{change.path}: {one} {where[0]}, {other} {where[1]}"


def _text(value: Any) -> str:
    return "nothing" if value is None else value if isinstance(value, str) else canonical(value)


def _cut(text: str, begin: int) -> str:
    """A text, or where it is long what stands around the place from which on it differs."""
    if len(text) <= _LONG:
        return text
    kept = f"...{text[begin:]}" if begin else text
    return kept if len(kept) <= _LONG else f"{kept[: _LONG - 3]}..."


# --- rules -------------------------------------------------------------------------------------


def _rules_changed(program: Program, recorded: Verdict) -> list[Difference]:
    phase = recorded.phase
    if recorded.rules_digest == rules_digest(program, phase):
        return []
    changed = tuple(changes(recorded.rules, phase_rules(program, phase)))
    listed = "; ".join(map(str, changed)) or "what they were is not on record"
    what = f"the rules of {phase} have changed: {listed}"
    return [Difference(kind="rules", id=recorded.id, what=what, changes=changed)]


def _routing_changed(program: Program, recorded: Decision, derived: Decision, log: Log) -> Difference:
    """That a decision's rules changed: which, where a verdict beside it holds what they were."""
    beside = [
        v for v in log.judged_near(recorded) if v.phase in (recorded.phase, *openers(program, recorded.phase))
    ]
    rules_change = next((difference for v in beside for difference in _rules_changed(program, v)), None)
    unnamed = f"what follows from {recorded.phase} (next, triage) has changed"
    what = rules_change.what if rules_change else unnamed
    names = [n for n in differing(recorded, derived) if n not in ("program_digest", "verdict_id")]
    if names:
        old, new = recorded.model_dump(mode="json"), derived.model_dump(mode="json")
        what += f"; {first_difference(names[0], old[names[0]], new[names[0]])}"
    changed = rules_change.changes if rules_change else ()
    return Difference(kind="rules", id=recorded.id, what=what, changes=changed)


def _shown_otherwise(recorded: Verdict, derived: Verdict) -> Iterator[Difference]:
    """What the rest of the program moves in a verdict: which metrics it lists, and the rivals' names."""
    fields = set(differing(recorded, derived))
    rows = [{(r.arm, r.metric, r.unit): r for r in v.table} for v in (recorded, derived)]
    listed = rows[0].keys() != rows[1].keys() and all(
        rows[0][k] == rows[1][k] for k in rows[0].keys() & rows[1]
    )
    if fields <= {"table", "hypothesis"} and (listed or "table" not in fields):
        metrics = sorted({metric for _, metric, _ in rows[0].keys() ^ rows[1].keys()})
        what = f"metrics or figures: {', '.join(metrics)}" if metrics else "hypotheses"
        description = f"the program lists other {what}, outside the rules of {recorded.phase}"
        yield Difference(kind="rules", id=recorded.id, what=description)


# --- evidence ----------------------------------------------------------------------------------


def evidence_differences(program: Program, recorded: Verdict, log: Log) -> list[Difference]:
    """The runs of a verdict that are gone or hold something else by now."""
    steps = stepped_in(recorded)
    tables = (*recorded.table, *recorded.readings)
    differences = _evidence(program, recorded.phase, recorded.considered, tables, steps, log, recorded)
    return list(differences)


def stepped_in(recorded: Verdict) -> frozenset[str]:
    """The metrics of which every step counted, by the rules as the verdict holds them."""
    criteria = recorded.rules.get("phase", {}).get("criteria", {}).values()
    read = [c for c in criteria if c.get("at") is not None or c.get("since") is not None]
    named = {m for c in read for m in (c.get("metric"), c.get("versus_metric")) if m}
    metrics = recorded.rules.get("metrics", {})
    return frozenset(named.union(*(metrics.get(name, {}).get("of", ()) for name in named)))


def _evidence(
    program: Program,
    phase: str,
    considered: Sequence[Considered],
    tables: Sequence[TableRow],
    steps: frozenset[str],
    log: Log,
    recorded: Verdict | None = None,
) -> list[Difference]:
    differences = []
    for looked_at in considered:
        for run_id, digest in zip(looked_at.run_ids, looked_at.digests, strict=True):
            run = log.run(run_id, phase, looked_at.arm)
            if run is None:
                what = f"a run of {looked_at.arm} is in MLflow no more, or is not finished"
                differences.append(Difference(kind="evidence", id=run_id, what=what))
            elif run_digest(run, steps) != digest:
                rows = [row for row in tables if row.arm == looked_at.arm and run_id in row.estimate.run_ids]
                moved = [*_values_moved(program, run, rows), *_params_moved(run, looked_at.arm, recorded)]
                what = f"{looked_at.arm}, seed {run.seed}: " + (
                    "; ".join(moved) or "what it holds beside the numbers of the verdict has changed"
                )
                differences.append(Difference(kind="evidence", id=run_id, what=what))
    return each_once(differences)


def _values_moved(program: Program, run: Run, rows: Sequence[TableRow]) -> Iterator[str]:
    """The numbers of the verdict's tables that the run no longer gives."""
    for row in rows:
        was = row.estimate.values[row.estimate.run_ids.index(run.id)][1]
        rule = _rule_of(program, row, run) if row.reads else None
        now = run_value(program, run, row.metric, rule) if rule is not None or not row.reads else was
        if now != was:
            reads = f" ({row.reads})" if row.reads else ""
            yield f"{row.metric}{reads} was {was!r}, is {'nothing' if now is None else repr(now)}"


def _rule_of(program: Program, row: TableRow, run: Run) -> Measured | None:
    """The criterion that reads a series as that row does."""
    rules = [r for p in program.phases.values() for r in p.criteria.values() if isinstance(r, Measured)]
    return next((r for r in rules if which_value(r).strip() == row.reads), None)


def _params_moved(run: Run, arm: str, recorded: Verdict | None) -> Iterator[str]:
    logged = next((p.logged for p in recorded.params if p.arm == arm), {}) if recorded is not None else {}
    for name, values in logged.items():
        now = as_text(run.params[name]) if name in run.params else None
        if now not in values:
            yield f"parameter {name} was {' or '.join(values)}, is {'nothing' if now is None else now}"
