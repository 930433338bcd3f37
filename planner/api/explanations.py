"""Why, and what if: of a verdict, and of the runs of a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from planner.api.report import Report, report_of
from planner.api.situations import chosen_phase, situation_of_table
from planner.api.table_runs import runs_of_table
from planner.api.verdicts import as_program, checked_fidelity
from planner.errors import UsageError
from planner.explaining import what_if as counterfactual
from planner.explaining.headline import headline_facts
from planner.explaining.in_json import as_json
from planner.explaining.in_text import as_text
from planner.explaining.trace import trace_of
from planner.language.program import Program
from planner.lineage.staleness import Validity, build_validity
from planner.records.decision import Decision
from planner.records.verdict import CriterionResult, Verdict
from planner.text.numbers import number, words

Means = Mapping[str, float]
"""``ARM.METRIC`` -> the mean over seeds that it is supposed to have, in the metric's unit."""


def explain(
    verdict: Verdict,
    program: Program | None = None,
    /,
    *,
    decision: Decision | None = None,
    earlier: Iterable[Verdict] = (),
    full: bool = False,
) -> Report:
    """Why a verdict is what it is.

    Args:
        verdict: from :func:`judge` or a home.
        program: the program by which it was judged. With it the report also says which rules were near,
            what alone would change the answer, which experiment could, and what the gate may err.
        decision: what followed, where it is to be explained too.
        earlier: verdicts of the program's other phases.
        full: every criterion, rule, guard and run id.

    Returns:
        A report. With a program ``data`` is what ``explain --json`` gives, without one the verdict's fields.

    Raises:
        UsageError: ``verdict`` is none, or the program is another one than the verdict's.

    Example:
        >>> import planner
        >>> from planner.testing import example_program, example_table
        >>> verdict = planner.judge(example_program(), example_table())
        >>> print(planner.explain(verdict))  # doctest: +ELLIPSIS
        dropout / first_look: pass, provisional
          two_points_better: met · dropout against plain: better in val_accuracy by +0.05 ...
    """
    if not isinstance(verdict, Verdict):
        raise UsageError(f"explain takes a verdict, not {type(verdict).__name__}")
    if program is None:
        return report_of(_lines(verdict, full), verdict.model_dump(mode="json"))
    if program.program != verdict.program or verdict.phase not in program.phases:
        raise UsageError(f"{program.program} is not the program of this verdict on {verdict.program}")
    verdicts = {v.phase: v for v in (*earlier, verdict)}
    validity = build_validity(program, verdicts)
    trace = trace_of(
        program=program,
        phase=verdict.phase,
        verdict=verdict,
        decision=decision,
        verdicts=verdicts,
        overrides=(),
        validity=validity,
    )
    return Report(as_text(trace, full), as_json(trace))


def _lines(verdict: Verdict, full: bool) -> Iterator[str]:
    """What a verdict says of itself."""
    facts = [verdict.outcome, *headline_facts(verdict, Validity())]
    yield f"{verdict.program} / {verdict.phase}: {', '.join(facts)}"
    if verdict.means:
        yield f"  {verdict.means}"
    for result in verdict.criteria:
        yield f"  {result.id}: {words(result.outcome)} · {result.reason}"
        yield from _turning_points(verdict, result)
        if full and result.run_ids:
            yield f"    runs {', '.join(result.run_ids)}"
    yield from (f"  guard {g.id}: {g.reason}" for g in verdict.guards if full or g.outcome == "not_met")
    yield from (f"  caveat: {caveat}" for caveat in verdict.caveats)


def _turning_points(verdict: Verdict, result: CriterionResult) -> Iterator[str]:
    """Where a criterion's outcome changes, and what the verdict would be there."""
    for point in verdict.turnings:
        if point.id == result.id:
            there = f"{words(point.flips_to)} at {number(point.flips_at)} {point.unit}"
            yield f"    it would be {there}, and the verdict {point.outcome}, {point.confidence}"


def what_if(
    program: Program,
    table: object,
    means: Means,
    /,
    *,
    phase: str | None = None,
    fidelity: str | None = None,
) -> Report:
    """What a phase, and the way on, would be if arms had measured something else.

    Args:
        program: from :func:`load_program`.
        table: runs as :func:`judge` takes them.
        means: ``"ARM.METRIC"`` -> the mean over seeds that it is to have; NaN and infinities too. Every
            seed is moved by as much, so that differences between seeds stay.
        phase: as in :func:`judge`.
        fidelity: as in :func:`judge`.

    Returns:
        A report; ``data`` has ``before``, ``after`` and ``changed_criteria``, as the key ``what_if`` of
        ``explain --json``.

    Raises:
        UsageError: as :func:`judge`; or a name in ``means`` is no arm and metric of the phase, or nothing
            finite was measured there.

    Example:
        >>> import planner
        >>> from planner.testing import example_program, example_table
        >>> report = planner.what_if(example_program(), example_table(), {"dropout.val_accuracy": 0.90})
        >>> report["before"]["outcome"], report["after"]["outcome"]
        ('pass', 'fail')
    """
    checked_fidelity(fidelity)
    chosen = chosen_phase(as_program(program), phase, runs_of_table(program, table))
    given = [counterfactual.read_intervention(program, chosen, text) for text in given_texts(means)]
    situation = situation_of_table(program, table, fidelity, no_run=True)
    data = counterfactual.what_if(situation, chosen, given)
    return report_of(counterfactual.what_if_lines(data), data)


def given_texts(means: Means) -> list[str]:
    """What is supposed, as the command line takes it.

    Raises:
        UsageError: it is no mapping, is empty, or holds what is no number.
    """
    if not isinstance(means, Mapping) or not means:
        raise UsageError('what_if takes means as {"ARM.METRIC": value}')
    strange = next((name for name, value in means.items() if not isinstance(value, int | float)), None)
    if strange is not None:
        raise UsageError(f"what_if: {strange} is {means[strange]!r}, and should be a number")
    return [f"{name}={float(value)!r}" for name, value in means.items()]
