"""An explanation as a person reads it on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from planner.explaining.criterion_row import asked_of
from planner.explaining.error_budget import budget_line
from planner.explaining.headline import standing_facts
from planner.explaining.next_experiment import outlook_lines, outlook_of
from planner.explaining.noise_floor import floor_line, needs_text
from planner.explaining.rules_diff import rules_changed_lines
from planner.explaining.trace import Trace
from planner.explaining.unfired_rules import nearness, rules_told
from planner.judging.predictions import prediction_of, rivals_of
from planner.records.decision import Decision
from planner.records.person import Override
from planner.records.verdict import ClaimResult, CriterionResult, Verdict
from planner.scoring.override_score import score_facts, score_lines
from planner.text.numbers import number, words

_NEAR = 3
"""So many rules that nearly fired are told."""
_MARK = {"met": "+", "not_met": "-", "undecided": "?", "not_applicable": ".", "invalid": "!"}


def as_text(trace: Trace, full: bool = False) -> str:
    """The trace for a person: short by default, every run id and every criterion with ``full``."""
    verdict = trace.verdict
    if verdict is None:
        lines = [f"{trace.program.program} / {trace.phase}: not judged yet"]
    else:
        lines = [_headline(trace, verdict)]
        lines += [f"  {trace.rules.question}"] if trace.rules else []
        lines += _verdict_lines(trace, verdict, full)
        lines += [*rules_changed_lines(trace), *_unfired_lines(trace, full)]
    lines += _expectation_lines(trace)
    if trace.decision is not None:
        lines += _decision_lines(trace.decision, full)
    if verdict is not None:
        lines += outlook_lines(outlook_of(trace), full)
        lines += [f"error budget: {told}"] if (told := budget_line(trace)) else []
    lines += [line for o in trace.overrides for line in _override_lines(trace, o)]
    if full and trace.claims:
        lines += ["claims"]
        lines += [f"  {c.id}: {words(c.status)}{_grounds(c)}{_caveat_note(c.caveats)}" for c in trace.claims]
    return "\n".join(lines)


def _headline(trace: Trace, verdict: Verdict) -> str:
    told = [verdict.outcome, *standing_facts(verdict, trace.standing)]
    return f"{trace.program.program} / {trace.phase}: {', '.join(told)}"


def _verdict_lines(trace: Trace, verdict: Verdict, full: bool) -> list[str]:
    lines = [f"  {verdict.means}"] if verdict.means else []
    shown = [g for g in verdict.guards if full or g.outcome != "met"]
    lines += ["guards"] if shown else []
    lines += [f"  {_MARK[g.outcome]} {g.id} -> {g.consequence}: {g.reason}" for g in shown]
    gate = _with_parts(trace.rules.gate if trace.rules else [], verdict)
    row = [c.id for c in verdict.criteria if c.id not in gate and _decides(trace, c.id)]
    rest = [c.id for c in verdict.criteria if c.id not in (*gate, *row)] if full else []
    name = f"case {verdict.case}" if verdict.case else f"tier {verdict.tier}"
    for heading, names in (("gate", gate), (name, row), ("judged besides", rest)):
        lines += [heading] if names else []
        for criterion in names:
            result = verdict.criterion(criterion)
            lines += _criterion_lines(trace, verdict, result, full) if result is not None else []
    floors = [floor_line(floor) for floor in verdict.floors if full or floor.refused]
    lines += ["noise", *(f"  {told}" for told in floors)] if floors else []
    lines += _supersession_lines(trace)
    if verdict.caveats:
        kept = verdict.caveats if full else verdict.caveats[:3]
        lines += ["caveats", *(f"  {c}" for c in kept)]
        more = len(verdict.caveats) - len(kept)
        lines += [f"  and {more} more (--full)"] if more else []
    return lines


def _unfired_lines(trace: Trace, full: bool) -> list[str]:
    """The rules that did not fire, one line per reason: those that came nearest, or with ``full`` all."""
    unfired = [told for told in rules_told(trace) if not told.fired]
    near = sorted(filter(lambda told: nearness(told) is not None, unfired), key=lambda t: nearness(t) or 0.0)
    by_reason: dict[str, list[str]] = {}
    for told in unfired if full else near:
        by_reason.setdefault(told.reason, []).append(told.rule.removeprefix(f"{trace.phase}."))
    shown = list(by_reason.items())[: None if full else _NEAR]
    heading = "rules that did not fire" if full else "rules that were near"
    return [*([heading] if shown else []), *(f"  {', '.join(rules)}: {why}" for why, rules in shown)]


def _with_parts(names: Sequence[str], verdict: Verdict) -> list[str]:
    """Criteria and, behind each combined one, what it combines."""
    found: dict[str, None] = {}
    todo = list(names)
    while todo:
        result = verdict.criterion(todo[0])
        found[todo.pop(0)] = None
        if result is not None and result.kind == "combined":
            todo = [p.id for p in result.parts if p.id not in found] + todo
    return list(found)


def _decides(trace: Trace, name: str) -> bool:
    """Whether a criterion stands in the row of the table that held."""
    rules, verdict = trace.rules, trace.verdict
    row = rules.row(verdict.case or verdict.tier) if rules and verdict else None
    return row is not None and name in row.conditions


def _criterion_lines(trace: Trace, verdict: Verdict, result: CriterionResult, full: bool) -> list[str]:
    lines = [f"  {_MARK[result.outcome]} {result.id}: {words(result.outcome)} · {result.reason}"]
    facts = []
    if result.kind != "combined" and result.observed is not None:
        facts.append(f"observed {number(result.observed)} {result.unit}".rstrip())
        facts.append(f"asked {asked_of(trace.program, verdict, result).asked}")
        facts.append(f"margin {number(result.margin, signed=True)}")
        if result.interval:
            facts.append(f"interval [{number(result.interval[0])}, {number(result.interval[1])}]")
        facts.append(f"n {result.n}, {result.treatment}")
    if result.flips_at is not None and result.kind != "combined":
        facts.append(f"flips at {number(result.flips_at)}{_beyond(trace, result.id)}")
    if full:
        lines += [f"      {', '.join(facts)}"] if facts else []
        lines += [f"      {_MARK[p.outcome]} {p.id}: {p.reason}" for p in result.parts]
        lines += [f"      runs {', '.join(result.run_ids)}"] if result.run_ids else []
    elif facts:
        lines += [f"      {', '.join(facts[2:])}; runs {_few(result.run_ids)}"]
    needs = needs_text(trace.program, verdict, result)
    return lines + ([f"      {needs}"] if needs else [])


def _beyond(trace: Trace, criterion: str) -> str:
    """What follows beyond the flip point of a criterion, where that is another verdict or decision."""
    flip = next((f for f in trace.flips if f.turning.id == criterion), None)
    if flip is None or not (flip.changes or flip.decides):
        return ""
    there = [flip.verdict.outcome, *filter(None, (flip.verdict.case or flip.verdict.tier,))]
    chosen = f", {flip.decision.action} {flip.decision.choice or ''}".rstrip() if flip.decides else ""
    return f" ({' '.join(there)}{chosen})"


def _expectation_lines(trace: Trace) -> list[str]:
    lines = []
    foretold = prediction_of(trace.program, trace.phase, trace.verdict, trace.verdicts)
    if foretold is not None:
        came = {True: "it came true", False: "it did not come true", None: "open"}[foretold.came]
        why = f" because {foretold.because}" if foretold.because else ""
        lines.append(f"predicted: {foretold.what} ({number(foretold.probability)}){why}; {came}")
    rivals = rivals_of(trace.program, trace.verdicts)
    lines += ["hypotheses"] if rivals else []
    return lines + [f"  {rival.id}: {rival.status} · {rival.says}" for rival in rivals]


def _supersession_lines(trace: Trace) -> list[str]:
    rule = trace.supersession
    if rule is None:
        return []
    case = f"'s case {rule.case}" if rule.case else ""
    lines = [f"supersedes {rule.phase}{case}: its confounds are removed"]
    return lines + [f"  {name}: {what}" for name, what in rule.confounds.items()]


def _decision_lines(decision: Decision, full: bool) -> list[str]:
    choice = f" {decision.choice}" if decision.choice else ""
    lines = [f"decision {decision.id}: {decision.action}{choice}", f"  {decision.reason}"]
    lines += [f"  by rule {decision.rule}"]
    if decision.recommended is not None and decision.override_ids:
        followed = ", ".join(decision.override_ids)
        lines += [f"  the rules recommend {decision.recommended}; override {followed} stands"]
    if decision.needs_person:
        lines += [f"  waits for a person ({words(decision.needs_person)})"]
    if decision.rejected:
        lines += ["  not chosen"]
    for other in decision.rejected:
        lines.append(f"    {other.choice}: {other.reason}")
        if other.flips_if:
            lines.append(f"      {other.flips_if}")
    return lines


def _override_lines(trace: Trace, told: Override) -> list[str]:
    lines = [f"override by {told.by} at {told.at}: {_what(told)} ({told.reason}) [{told.id}]"]
    return lines + [f"  {line}" for line in score_lines(score_facts(trace.scores.get(told.id)))]


def _what(override: Override) -> str:
    if override.choose:
        return f"chose {override.choose} over {override.recommended or 'the recommendation'}"
    return f"verdict {override.verdict}ed" if override.verdict else f"done: {override.done}"


def _few(ids: Sequence[str]) -> str:
    shown = ", ".join(i[:8] for i in ids[:3])
    return f"{shown} and {len(ids) - 3} more" if len(ids) > 3 else shown


def _grounds(claim: ClaimResult) -> str:
    return f" · {claim.reason}" if claim.reason else ""


def _caveat_note(caveats: Sequence[str]) -> str:
    return f" ({'; '.join(caveats)})" if caveats else ""
