"""Derives one record again: a verdict from its runs, a decision from a verdict and what it rested on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from planner.deciding.launch import decision_digest, launch_decision, registered, stop_for_want_of_budget
from planner.deciding.overrides import choose_route
from planner.deciding.triage import Route
from planner.deciding.walk import Circumstances, ends_for_want_of_budget, judge_walked_phase, seeds_next
from planner.evidence.eligibility import build_evidence
from planner.evidence.evidence import Evidence
from planner.evidence.run_selection import RunSelector, Snapshot
from planner.judging.post_hoc import fresh_evidence, judged_under_other_rules
from planner.judging.verdict import build_test_design
from planner.language.program import Program
from planner.lineage.in_force import overrides_today
from planner.records.base import Identified
from planner.records.decision import Decision, Inputs
from planner.records.journal_entry import AnyEntry, JournalEntry
from planner.records.verdict import Considered, Verdict
from planner.replay.archive import Log
from planner.replay.recorded_runs import RecordedRuns

RecordT = TypeVar("RecordT", bound=Identified)


def rederive_counted(
    program: Program, phase: str, fidelity: str, considered: Iterable[Considered], log: Log, entry: AnyEntry
) -> Evidence:
    """The runs that counted, under the exclusions that stood when an entry was written."""
    runs = log.runs_of(phase, considered)
    return build_evidence(program, phase, fidelity, runs, log.excluded(entry), log.retried(entry))


def rederive_evidence(
    program: Program, phase: str, fidelity: str, considered: Iterable[Considered], log: Log, entry: AnyEntry
) -> Evidence:
    """The same without what was judged under other rules before, where there is enough beside it."""
    evidence = rederive_counted(program, phase, fidelity, considered, log, entry)
    return fresh_evidence(program, evidence, log.previously_judged(program, entry))


def rederive_verdict(program: Program, entry: JournalEntry[Verdict], log: Log) -> Verdict:
    """The verdict that the program gives today on the runs of a recorded one.

    Records of earlier versions do not say whether more runs could still have been asked for: then both are
    tried.
    """
    recorded = entry.record
    looks = (False, True) if recorded.final_look is None else (recorded.final_look,)
    earlier = log.earlier(entry)
    return nearest(recorded, [rederive_verdict_as(program, entry, log, earlier, final) for final in looks])


def rederive_verdict_as(
    program: Program, entry: JournalEntry[Verdict], log: Log, earlier: Mapping[str, Verdict], final: bool
) -> Verdict:
    """The verdict on the runs of a recorded one.

    Args:
        earlier: the verdicts before it.
        final: no more runs may be asked for.
    """
    recorded = entry.record
    phase, fidelity = recorded.phase, recorded.fidelity
    evidence = rederive_evidence(program, phase, fidelity, recorded.considered, log, entry)
    post_hoc = bool(judged_under_other_rules(program, evidence, log.previously_judged(program, entry)))
    design = build_test_design(program, phase, fidelity, final, log.past_looks(entry))
    circumstances = Circumstances(recorded.passed_over, recorded.short_of_budget, final, post_hoc)
    return judge_walked_phase(program, evidence, design, earlier, circumstances)


def rederive_decision(
    program: Program,
    entry: JournalEntry[Decision],
    log: Log,
    verdict: Verdict | None = None,
    earlier: Mapping[str, Verdict] | None = None,
) -> Decision:
    """The decision that follows today from what a recorded one rested on.

    Args:
        verdict: the one that it follows, as it comes out today; None where runs were made.
        earlier: the verdicts before it; None takes those of the record.
    """
    recorded = entry.record
    before = log.earlier(entry) if earlier is None else earlier
    inputs = recorded.inputs or Inputs()
    if verdict is None:
        return _rederive_launch(program, entry, log, before, inputs)
    route = Route(dict(inputs.owner), dict(inputs.tried), frozenset(inputs.diagnosed))
    overrides = [log.overrides[i] for i in recorded.override_ids if i in log.overrides]
    if recorded.rule.part == "budget" and ends_for_want_of_budget(program, verdict) and not overrides:
        return stop_for_want_of_budget(program, verdict, before, route)
    digest = decision_digest(program, verdict.phase)
    return choose_route(program, verdict, before, route, overrides, digest)


def _rederive_launch(
    program: Program,
    entry: JournalEntry[Decision],
    log: Log,
    earlier: Mapping[str, Verdict],
    inputs: Inputs,
) -> Decision:
    """Why runs were made: they were missing, or the verdict on what there was so far asks for them."""
    recorded = entry.record
    phase, fidelity = recorded.phase, recorded.fidelity
    inputs = inputs.model_copy(update={"prediction": registered(program, phase)})
    if recorded.action != "add_seeds":
        return launch_decision(program, phase, fidelity, None, inputs)
    evidence = rederive_evidence(program, phase, fidelity, inputs.considered, log, entry)
    previously_judged = log.previously_judged(program, entry)
    post_hoc = bool(judged_under_other_rules(program, evidence, previously_judged))
    design = build_test_design(program, phase, fidelity, final=False, past_looks=log.past_looks(entry))
    interim = judge_walked_phase(program, evidence, design, earlier, Circumstances(post_hoc=post_hoc))
    wanted = seeds_next(program, interim, design, evidence, previously_judged)
    missing = _missing_runs(program, entry, log, inputs, wanted)
    updated = inputs.model_copy(update={"asked": missing, "considered": interim.considered})
    return launch_decision(program, phase, fidelity, interim, updated)


def _missing_runs(
    program: Program, entry: JournalEntry[Decision], log: Log, inputs: Inputs, wanted: Mapping[str, int]
) -> tuple[tuple[str, int], ...]:
    """(arm, seed) of the runs that were missing, as far as the budget went then."""
    recorded = entry.record
    looked_at = log.runs_of(recorded.phase, inputs.considered)
    recorded_runs = RecordedRuns(program, {(recorded.phase, recorded.fidelity): looked_at}, log.all_runs)
    overrides = overrides_today(log.before(entry), entry.written_at)
    selector = RunSelector(
        program,
        Snapshot(recorded_runs.runs),
        recorded_runs.catalog,
        list(log.excluded(entry).values()),
        [o.phase for o in overrides if o.done is not None],
        retried=log.retried(entry),
    )
    missing = selector.missing(recorded.phase, recorded.fidelity, wanted)
    return tuple((run.arm, run.seed) for run in missing[: max(len(inputs.asked), 1)])


def nearest(recorded: RecordT, candidates: Iterable[RecordT]) -> RecordT:
    """The one that differs from the record in the fewest fields; the first of several."""
    return min(candidates, key=lambda one: len(differing(recorded, one)))


def differing(recorded: Identified, derived: Identified) -> list[str]:
    """The fields in which two records differ, but for ``id``, which follows from the rest."""
    old, new = recorded.model_dump(mode="json"), derived.model_dump(mode="json")
    return [name for name in old if name != "id" and old[name] != new.get(name)]
