"""The memo: one verdict and the decision that follows, as markdown. Every number comes from a record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from planner.explaining.criterion_row import build_criterion_row
from planner.explaining.error_budget import budget_line
from planner.explaining.noise_floor import detectable_effect_line, needs_text
from planner.explaining.recomputation import recompute
from planner.explaining.rules_diff import rules_changed
from planner.explaining.trace import Trace
from planner.judging.predictions import prediction_of, rivals_of
from planner.language.program import Program
from planner.lineage.staleness import claims_today
from planner.memo.brief import answer_line, headline, next_step
from planner.memo.earlier_phases import Delta, deltas
from planner.memo.notes import build_notes
from planner.memo.results import digits_for, result_tables
from planner.memo.what_ran import what_ran
from planner.memo.would_change import would_change
from planner.records.decision import Decision
from planner.records.verdict import CriterionResult, Verdict
from planner.text.markdown import escape
from planner.text.numbers import around, number, words

TEMPLATE = "memo.md.j2"


@dataclass(frozen=True)
class Picture:
    """A figure of a memo: its title, and the path as the memo links it."""

    title: str
    link: str


def render_memo(trace: Trace, pictures: Sequence[Picture] = (), recorded_at: str = "") -> str:
    """The memo of a judged phase.

    Args:
        trace: what is explained; its verdict must be there.
        pictures: figures to link; none for a page that cannot show them.
        recorded_at: when the verdict was recorded (ISO 8601).

    Raises:
        ValueError: the phase has not been judged.
    """
    if trace.verdict is None:
        raise ValueError(f"{trace.phase} has not been judged")
    view = {
        "t": trace,
        "v": trace.verdict,
        "d": trace.decision,
        "phase": trace.program.phases[trace.phase],
        "program": trace.program,
        "date": recorded_at[:10],
        "pictures": pictures,
        **_evidence_view(trace.program, trace.verdict),
        **_conclusion_view(trace, trace.verdict),
    }
    text: str = _environment().get_template(TEMPLATE).render(view)
    return text.strip() + "\n"


def _evidence_view(program: Program, verdict: Verdict) -> dict[str, Any]:
    """What ran and what it showed, as the template names it."""
    arms, common = what_ran(program, verdict)
    criteria = [_criterion(c, program, verdict) for c in verdict.criteria]
    results, rest = result_tables(program, verdict, _key_results(program, verdict))
    return {
        "arms": arms,
        "common": common,
        "declared": any("declared: " in text for text in (common, *(arm.params for arm in arms))),
        "results": results,
        "rest": rest,
        "notes": build_notes(program, verdict, criteria),
        "bounds": _bounds(verdict),
        "criteria": criteria,
        "detectable_effects": [detectable_effect_line(effect) for effect in verdict.floors],
        "recomputation": recompute(program, verdict),
        "runs": _runs(verdict),
    }


def _conclusion_view(trace: Trace, verdict: Verdict) -> dict[str, Any]:
    """What follows from the evidence and what would change it, as the template names it."""
    program = trace.program
    return {
        "headline": headline(verdict, trace.validity, trace.overrides),
        "answer": answer_line(program, verdict),
        "claims": claims_today({verdict.phase: verdict}, trace.validity),
        "changes": would_change(verdict, trace.flips),
        "rule_changes": [str(change) for change in rules_changed(trace)],
        "rules_since": trace.rules_since[:10],
        "error_budget": budget_line(trace),
        "supersedes": trace.supersession,
        "prediction": prediction_of(program, trace.phase, verdict, trace.verdicts),
        "rivals": rivals_of(program, trace.verdicts),
        "deltas": list(map(_delta, deltas(program, verdict, trace.verdicts, _key_metrics(program, verdict)))),
        "next_step": next_step(program, trace.decision, verdict),
        "options": _options(program, trace.decision),
    }


def _row_conditions(program: Program, verdict: Verdict) -> list[str]:
    row = program.phases[verdict.phase].row(verdict.case or verdict.tier)
    return row.conditions if row else []


def _basic(result: CriterionResult) -> Iterable[CriterionResult]:
    if result.kind == "combined":
        for part in result.parts:
            yield from _basic(part)
    else:
        yield result


def _key_results(program: Program, verdict: Verdict) -> list[CriterionResult]:
    """The single criteria that the gate and the row that holds are made of."""
    names = dict.fromkeys([*program.phases[verdict.phase].gate, *_row_conditions(program, verdict)])
    results = [verdict.criterion(name) for name in names]
    basic = [b for result in results if result is not None for b in _basic(result)]
    return list({b.id: b for b in basic}.values())


def _key_metrics(program: Program, verdict: Verdict) -> list[str]:
    used = {c.metric for c in _key_results(program, verdict)}
    return [name for name in program.metrics if name in used]


def _criterion(result: CriterionResult, program: Program, verdict: Verdict) -> dict[str, str]:
    gate = {c.id for c in _key_results(program, verdict)} | set(program.phases[verdict.phase].gate)
    combined = result.kind == "combined"
    row = build_criterion_row(program, verdict, result)
    return {
        "id": result.id,
        "kind": result.kind,
        "outcome": words(result.outcome),
        "reason": result.reason,
        "compared": row.compared,
        "observed": row.observed,
        "bound": row.bound,
        "n": f"{row.seeds}, {result.treatment or '-'}" if result.n else "-",
        "margin": "-" if combined else number(result.margin, signed=True),
        "gate": "yes" if result.id in gate else "",
        "needs": needs_text(program, verdict, result),
    }


def _delta(delta: Delta) -> dict[str, str]:
    """A difference with digits enough to be worked out from what is printed beside it."""
    there, here = (
        number(value, digits=digits_for(value, abs(delta.difference))) for value in (delta.there, delta.here)
    )
    difference = f"{number(delta.difference, signed=True)}{around(delta.interval)}"
    facts = {"there": there, "here": here, "difference": difference, "n": str(delta.n)}
    return {**facts, "arm": delta.arm, "metric": delta.metric, "unit": delta.unit, "phase": delta.phase}


def _bounds(verdict: Verdict) -> list[str]:
    """How often the bounds of criteria err, over all looks together; each pair of rates once."""
    parts = [part for result in verdict.criteria for part in (result, *result.parts) if part.look is not None]
    rates = dict.fromkeys((look.alpha, look.beta) for look in (part.look for part in parts) if look)
    return [
        f"the lower one errs in {number(100 * alpha)}%, the upper one in {number(100 * beta)}%"
        for alpha, beta in rates
    ]


def _runs(verdict: Verdict) -> list[dict[str, str]]:
    seeds_by_run: dict[str, dict[str, int]] = {}
    for row in (*verdict.table, *verdict.readings):
        for (seed, _), run_id in zip(row.estimate.values, row.estimate.run_ids, strict=True):
            seeds_by_run.setdefault(row.arm, {})[run_id] = seed
    return [
        {"arm": arm, "ids": ", ".join(f"`{run}` (seed {seed})" for run, seed in ids.items())}
        for arm, ids in seeds_by_run.items()
    ]


def _options(program: Program, decision: Decision | None) -> list[dict[str, str]]:
    """The triage options that the decision weighed, the chosen one first."""
    if decision is None or decision.rule.part not in ("triage", "diagnose"):
        return []
    triage = program.phases[decision.rule.phase].triage
    why = {r.choice: r.reason for r in decision.rejected}
    rows = []
    for option in triage.options if triage else ():
        chosen = option.option == decision.choice
        cost = option.cost_hours
        hours = (
            f"{number(cost[0])} to {number(cost[1])} h" if isinstance(cost, tuple) else f"{number(cost)} h"
        )
        rows.append(
            {
                "option": option.option,
                "chosen": "chosen" if chosen else "",
                "why": option.rationale if chosen else why.get(option.option, ""),
                "risk": option.risk or "-",
                "cost": hours,
            }
        )
    return sorted(rows, key=lambda o: not o["chosen"])


def _counted(count: int, one: str) -> str:
    return f"{count} {one}{'' if count == 1 else 's'}"


def _sentence(text: str) -> str:
    """With a capital letter; the rest as it is, for it may name things."""
    return text[:1].upper() + text[1:]


@cache
def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters.update(md=escape, words=words, number=number, counted=_counted, sentence=_sentence)
    return environment
