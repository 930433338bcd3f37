"""The cheapest next experiment that could give another verdict, and what it would cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from planner.criteria.test_design import LEAST_SEEDS, TestDesign
from planner.explaining.trace import Trace
from planner.judging.sensitivity import inputs_of
from planner.judging.verdict import build_test_design
from planner.language.criterion import Measured
from planner.language.metric import FLAG
from planner.language.program import Option
from planner.records.base import Record
from planner.records.verdict import CriterionResult, Verdict
from planner.scoring.overrides import RUNGS


class NextExperiment(Record):
    """Something that could be run next.

    Attributes:
        what: in words.
        phase: of which runs are made.
        criterion: the one whose outcome may change; None where a phase is judged anew.
        to_seeds: how many seeds each arm would have then; None where it is another phase.
        seconds: of run time, from the runs that were measured or the option's cost; None where unknown.
        at_least: the true cost may be higher, because runs of that sort were not measured yet.
    """

    kind: Literal["seeds", "option", "supersedes", "fidelity"]
    what: str
    phase: str
    criterion: str | None = None
    arms: tuple[str, ...] = ()
    to_seeds: int | None = None
    runs: int
    seconds: float | None = None
    at_least: bool = False


class NextExperiments(Record):
    """What could give another verdict.

    Attributes:
        experiments: the cheapest first.
        reason: why more seeds of the same cannot; empty where they can.
    """

    experiments: tuple[NextExperiment, ...] = ()
    reason: str = ""

    @property
    def cheapest(self) -> NextExperiment | None:
        """The first of them."""
        return next(iter(self.experiments), None)


def next_experiments(trace: Trace) -> NextExperiments:
    """What could be run next to give another verdict on the phase, the cheapest first."""
    verdict, rules = trace.verdict, trace.rules
    if verdict is None or rules is None:
        return NextExperiments()
    if not trace.program.launches:
        return NextExperiments(reason="the program makes no runs itself: it judges what its stores hold")
    design = build_test_design(trace.program, trace.phase, verdict.fidelity, final=False)
    seeds = [*_more_seeds(trace, verdict, design)]
    others = [*_options(trace, verdict), *_superseding(trace, verdict), *_higher(trace, verdict)]
    ranked = sorted([*seeds, *others], key=lambda e: (e.seconds is None, e.seconds or 0.0, e.runs))
    why_no_seeds = "" if seeds else _why_no_seeds(trace, verdict, design)
    return NextExperiments(experiments=tuple(ranked), reason=why_no_seeds)


def _mean_seconds(verdict: Verdict) -> float | None:
    """Of one run of the phase; None where it was not measured, as in runs of others."""
    measured = verdict.seconds > 0 or bool(verdict.code_digests)
    return verdict.seconds / len(verdict.run_ids) if verdict.run_ids and measured else None


def _cost(verdict: Verdict, runs: int) -> float | None:
    mean = _mean_seconds(verdict)
    return round(mean * runs, 1) if mean is not None else None


# --- more seeds ----------------------------------------------------------------------------------


def _more_seeds(trace: Trace, verdict: Verdict, design: TestDesign) -> Iterator[NextExperiment]:
    """For each criterion that is open, alone changes what follows, and may yet have more seeds."""
    assert trace.rules is not None
    flipping = {f.flip_point.id for f in trace.flips if f.changes_verdict or f.changes_decision}
    for result in verdict.criteria:
        rule = trace.rules.criteria.get(result.id)
        target = _seeds_to(result, rule, design) if isinstance(rule, Measured) else None
        waits = result.id in flipping or result.cause == "few_seeds"
        if target is None or not waits or not isinstance(rule, Measured):
            continue
        arms = tuple(dict.fromkeys(arm for arm, _ in sorted(inputs_of(trace.program, rule))))
        more = target - result.n
        seeds = f"{more} more {'seed' if more == 1 else 'seeds'} of {' and '.join(arms)}"
        yield NextExperiment(
            kind="seeds",
            what=f"{seeds}, which may decide {result.id}",
            phase=trace.phase,
            criterion=result.id,
            arms=arms,
            to_seeds=target,
            runs=more * len(arms),
            seconds=_cost(verdict, more * len(arms)),
        )


def _seeds_to(result: CriterionResult, rule: Measured, design: TestDesign) -> int | None:
    """With how many seeds a criterion may be decided otherwise; None where no more are asked for."""
    if result.n >= design.most_seeds or rule.treated == "point":
        return None
    fell_back = result.treatment == "point" and result.outcome in ("met", "not_met")
    if fell_back or result.cause == "few_seeds":
        return max(design.seeds, LEAST_SEEDS)
    if result.outcome != "undecided" or result.cause != "undecided":
        return None
    unknown = rule.over_seeds or result.unit == FLAG  # nobody says how many they need
    wanted = design.most_seeds if result.needs is None and unknown else result.needs
    if wanted is None or wanted > design.most_seeds:
        return None
    if not rule.of_deviation:
        return wanted
    return next((look for look in design.looks if look >= wanted and look > result.n), None)


def _why_no_seeds(trace: Trace, verdict: Verdict, design: TestDesign) -> str:
    """Why more seeds of the same give no other verdict."""
    if verdict.outcome in ("blocked", "invalid"):
        return f"more seeds change nothing while the phase is {verdict.outcome}"
    results = [r for r in verdict.criteria if r.kind != "combined" and r.n]
    short = [f"{r.id} would need about {r.needs}" for r in results if (r.needs or 0) > design.most_seeds]
    if short:
        return f"{', '.join(short)}, and {design.most_seeds} are allowed"
    alike = [r.id for r in results if r.cause == "no_variation"]
    if alike:
        return f"what {', '.join(alike)} read does not vary over seeds, and nothing says that more would"
    if verdict.confidence == "confirmed":
        return "the verdict is confirmed, and asks for no more seeds"
    if all(r.outcome in ("met", "not_met") for r in results):
        return "every criterion is answered"
    return "every criterion has all the seeds that were planned"


# --- another phase, or another rung ----------------------------------------------------------------


def _options(trace: Trace, verdict: Verdict) -> Iterator[NextExperiment]:
    """Options of the phase's triage whose phase is not judged and has the same gate over other arms."""
    assert trace.rules is not None
    tried = dict(trace.decision.inputs.tried) if trace.decision and trace.decision.inputs else {}
    for option in trace.rules.triage.options if trace.rules.triage else ():
        if option.opens in trace.verdicts or option.option in tried.get(trace.phase, ()):
            continue
        if _same_question(trace, option.opens):
            yield _of_phase(trace, verdict, option.opens, "option", option)


def _same_question(trace: Trace, phase: str) -> bool:
    """Whether a phase has this one's gate, over criteria that ask the same of whichever arms."""
    assert trace.rules is not None
    mine, other = trace.rules, trace.program.phases[phase]
    return mine.gate == other.gate and all(
        name in other.criteria and _question_of(trace, trace.phase, name) == _question_of(trace, phase, name)
        for name in mine.gate
    )


def _question_of(trace: Trace, phase: str, name: str) -> object:
    rule = trace.program.phases[phase].criteria.get(name)
    arms = {"arm", "each_of", "any_arm", "versus", "best_first", "spread_of", "factor"}
    return rule.model_dump(mode="json", exclude=arms) if rule is not None else name


def _superseding(trace: Trace, verdict: Verdict) -> Iterator[NextExperiment]:
    for name, rules in trace.program.phases.items():
        rule = rules.supersedes
        if rule is None or rule.phase != trace.phase or name in trace.verdicts:
            continue
        if rule.case is None or rule.case == verdict.case:
            yield _of_phase(trace, verdict, name, "supersedes", None)


def _of_phase(
    trace: Trace, verdict: Verdict, phase: str, kind: Literal["option", "supersedes"], option: Option | None
) -> NextExperiment:
    rules = trace.program.phases[phase]
    runs = len(rules.arms) * rules.least_seeds
    description = (
        f"option {option.option}, which judges '{phase}'" if option else f"'{phase}', which supersedes this"
    )
    hours = option.least_hours if option is not None else 0.0
    return NextExperiment(
        kind=kind,
        what=description,
        phase=phase,
        arms=tuple(rules.arms),
        to_seeds=rules.least_seeds,
        runs=runs,
        seconds=hours * 3600 if hours else _cost(verdict, runs),
        at_least=True,
    )


def _higher(trace: Trace, verdict: Verdict) -> Iterator[NextExperiment]:
    """The same phase at the next rung, where fidelities differ in what they show."""
    rung = RUNGS.index(verdict.fidelity) + 1 if verdict.fidelity in RUNGS else len(RUNGS)
    if rung < len(RUNGS) and verdict.run_ids:
        runs = len(verdict.run_ids)
        yield NextExperiment(
            kind="fidelity",
            what=f"the same at fidelity {RUNGS[rung]}",
            phase=trace.phase,
            runs=runs,
            seconds=_cost(verdict, runs),
            at_least=True,
        )


def next_experiment_lines(candidates: NextExperiments, full: bool) -> list[str]:
    """The candidates for a person: the cheapest, and with ``full`` the others."""
    lines = []
    for i, experiment in enumerate(candidates.experiments if full else candidates.experiments[:1]):
        head = "cheapest that could flip the verdict" if not i else "  or"
        lines.append(f"{head}: {experiment.what} ({_price(experiment)})")
    if not candidates.experiments and candidates.reason:
        lines.append(f"no experiment could flip the verdict: {candidates.reason}")
    elif full and candidates.reason:
        lines.append(f"  {candidates.reason}")
    return lines


def _price(experiment: NextExperiment) -> str:
    runs = f"{experiment.runs} run{'' if experiment.runs == 1 else 's'}"
    if experiment.seconds is None:
        return f"{runs}, time not known"
    least = "at least " if experiment.at_least else "about "
    return f"{runs}, {least}{_duration(experiment.seconds)}"


def _duration(seconds: float) -> str:
    for length, name in ((3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds / length:.3g} {name}"
    return f"{seconds:.3g} s"
