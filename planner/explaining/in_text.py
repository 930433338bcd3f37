"""An explanation as a person reads it on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from planner.explaining.criterion_row import build_criterion_row
from planner.explaining.error_budget import budget_line
from planner.explaining.headline import headline_facts
from planner.explaining.next_experiment import next_experiment_lines, next_experiments
from planner.explaining.noise_floor import detectable_effect_line, needs_text
from planner.explaining.pairing import pair_correlation
from planner.explaining.rules_diff import rules_changed_lines
from planner.explaining.trace import Trace
from planner.explaining.unfired_rules import nearness, rule_traces
from planner.judging.predictions import prediction_of, rivals_of
from planner.records.decision import Decision
from planner.records.person import Override
from planner.records.verdict import ClaimResult, CriterionResult, Verdict
from planner.scoring.override_score import score_facts, score_lines
from planner.text.numbers import number, words

_NEAR = 3
"""So many rules that nearly fired are listed."""
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
    lines += _prediction_lines(trace)
    if trace.decision is not None:
        lines += _decision_lines(trace.decision, full)
    if verdict is not None:
        lines += next_experiment_lines(next_experiments(trace), full)
        lines += [f"error budget: {budget}"] if (budget := budget_line(trace)) else []
    lines += [repeat.text for repeat in trace.repeats if full or not repeat.same]
    lines += trace.identity.lines if full else []
    lines += [line for o in trace.overrides for line in _override_lines(trace, o)]
    if trace.of_other_homes:
        lines += [f"written by another home that uses this store: {', '.join(trace.of_other_homes)}"]
    if full and trace.claims:
        lines += ["claims"]
        lines += [
            f"  {c.id}: {words(c.status)}{_reason_note(c)}{_caveat_note(c.caveats)}" for c in trace.claims
        ]
    return "\n".join(lines)


def _headline(trace: Trace, verdict: Verdict) -> str:
    facts = [verdict.outcome, *headline_facts(verdict, trace.validity, trace.overrides)]
    return f"{trace.program.program} / {trace.phase}: {', '.join(facts)}"


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
    noise = [detectable_effect_line(effect) for effect in verdict.floors if full or effect.refused]
    lines += ["noise", *(f"  {line}" for line in noise)] if noise else []
    lines += _supersession_lines(trace)
    if verdict.caveats:
        kept = verdict.caveats if full else verdict.caveats[:3]
        lines += ["caveats", *(f"  {c}" for c in kept)]
        more = len(verdict.caveats) - len(kept)
        lines += [f"  and {more} more (--full)"] if more else []
    return lines


def _unfired_lines(trace: Trace, full: bool) -> list[str]:
    """The rules that did not fire, one line per reason: those that came nearest, or with ``full`` all."""
    unfired = [rule for rule in rule_traces(trace) if not rule.fired]
    near = sorted(filter(lambda rule: nearness(rule) is not None, unfired), key=lambda t: nearness(t) or 0.0)
    by_reason: dict[str, list[str]] = {}
    for rule in unfired if full else near:
        by_reason.setdefault(rule.reason, []).append(rule.rule.removeprefix(f"{trace.phase}."))
    shown = list(by_reason.items())[: None if full else _NEAR]
    heading = "rules that did not fire" if full else "rules that were near"
    return [*([heading] if shown else []), *(f"  {', '.join(rules)}: {why}" for why, rules in shown)]


def _with_parts(names: Sequence[str], verdict: Verdict) -> list[str]:
    """Criteria and, behind each combined one, what it combines."""
    listed: dict[str, None] = {}
    todo = list(names)
    while todo:
        result = verdict.criterion(todo[0])
        listed[todo.pop(0)] = None
        if result is not None and result.kind == "combined":
            todo = [p.id for p in result.parts if p.id not in listed] + todo
    return list(listed)


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
        facts.append(f"asked {build_criterion_row(trace.program, verdict, result).bound}")
        facts.append(f"margin {number(result.margin, signed=True)}")
        if result.interval:
            facts.append(f"interval [{number(result.interval[0])}, {number(result.interval[1])}]")
        facts.append(f"n {result.n}, {result.treatment}{_look(result)}")
        facts += _correlation(trace, verdict, result)
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


def _look(result: CriterionResult) -> str:
    """Which look it was, and how often each of its bounds may err over all looks together."""
    look = result.look
    if look is None:
        return ""
    pool = f", noise of others worth {look.pool_df}" if look.pool_df else ""
    errs = f"lower errs in {look.alpha:.3g}, upper in {look.beta:.3g}"
    return f" ({look.stage} look, {look.planned} seeds planned; {errs}{pool})"


def _correlation(trace: Trace, verdict: Verdict, result: CriterionResult) -> list[str]:
    """Why pairs help, or do not: how far two arms go together from seed to seed."""
    value = pair_correlation(trace.program, verdict, result)
    return [] if value is None else [f"correlation over seeds {value:.2f}"]


def _beyond(trace: Trace, criterion: str) -> str:
    """What follows beyond the flip point of a criterion, where that is another verdict or decision."""
    flip = next((f for f in trace.flips if f.flip_point.id == criterion), None)
    if flip is None or not (flip.changes_verdict or flip.changes_decision):
        return ""
    there = [flip.verdict.outcome, *filter(None, (flip.verdict.case or flip.verdict.tier,))]
    chosen = (
        f", {flip.decision.action} {flip.decision.choice or ''}".rstrip() if flip.changes_decision else ""
    )
    return f" ({' '.join(there)}{chosen})"


def _prediction_lines(trace: Trace) -> list[str]:
    lines = []
    prediction = prediction_of(trace.program, trace.phase, trace.verdict, trace.verdicts)
    if prediction is not None:
        came = {True: "it came true", False: "it did not come true", None: "open"}[prediction.came]
        why = f" because {prediction.because}" if prediction.because else ""
        lines.append(f"predicted: {prediction.what} ({number(prediction.probability)}){why}; {came}")
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


def _override_lines(trace: Trace, override: Override) -> list[str]:
    lines = [
        f"override by {override.by} at {override.at}: {_what(override)} ({override.reason}) [{override.id}]"
    ]
    return lines + [f"  {line}" for line in score_lines(score_facts(trace.scores.get(override.id)))]


def _what(override: Override) -> str:
    if override.choose:
        return f"chose {override.choose} over {override.recommended or 'the recommendation'}"
    return f"verdict {override.verdict}ed" if override.verdict else f"done: {override.done}"


def _few(ids: Sequence[str]) -> str:
    shown = ", ".join(i[:8] for i in ids[:3])
    return f"{shown} and {len(ids) - 3} more" if len(ids) > 3 else shown


def _reason_note(claim: ClaimResult) -> str:
    return f" · {claim.reason}" if claim.reason else ""


def _caveat_note(caveats: Sequence[str]) -> str:
    return f" ({'; '.join(caveats)})" if caveats else ""
