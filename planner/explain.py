"""Why a decision was made: guards, criteria, gate, tier or case, triage, decision, with their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from planner.criteria.wording import bound_text, number
from planner.program import Program
from planner.records import ClaimResult, CriterionResult, Decision, GuardResult, Override, Verdict
from planner.supersede import Standing


@dataclass(frozen=True)
class Trace:
    """Everything that one explanation speaks of.

    Attributes:
        verdict: None where the phase has not been judged.
        decision: the one that followed, or led to runs; None where there is none.
        claims: of the whole program, as they stand today.
        overrides: of the phase, revoked ones left out.
        decided_at: when the decision was recorded.
    """

    program: Program
    phase: str
    verdict: Verdict | None
    decision: Decision | None
    claims: Sequence[ClaimResult]
    overrides: Sequence[Override]
    standing: Standing
    decided_at: str = ""


def as_json(trace: Trace) -> dict[str, Any]:
    """The trace as ``explain --json`` gives it (schema ``phasegate.explain/1``)."""
    verdict, decision = trace.verdict, trace.decision
    return {
        "schema": "phasegate.explain/1",
        "program": trace.program.program,
        "phase": trace.phase,
        "decision_id": decision.id if decision else None,
        "verdict": _verdict_json(trace),
        "guards": [_guard_json(g) for g in (verdict.guards if verdict else ())],
        "criteria": [_criterion_json(c) for c in (verdict.criteria if verdict else ())],
        "decision": _decision_json(decision) if decision else None,
        "claims": [
            {"id": c.id, "status": c.status, "caveats": list(c.caveats), "says": c.says} for c in trace.claims
        ],
        "overrides": [
            {
                "id": o.id,
                "by": o.by,
                "at": o.at,
                "reason": o.reason,
                "contradicts": o.contradicts,
                "expires": o.expires,
                "choose": o.choose,
                "verdict": o.verdict,
                "done": o.done,
                "recommended": o.recommended,
            }
            for o in trace.overrides
        ],
    }


def _verdict_json(trace: Trace) -> dict[str, Any]:
    verdict = trace.verdict
    fields = ("outcome", "confidence", "tier", "case", "cause", "hypothesis", "post_hoc", "fidelity", "means")
    found: dict[str, Any] = {name: getattr(verdict, name) if verdict else None for name in fields}
    found["post_hoc"] = bool(verdict and verdict.post_hoc)
    found["caveats"] = list(verdict.caveats) if verdict else []
    found["superseded_by"] = trace.standing.superseded_by.get(trace.phase)
    found["stale"] = trace.standing.stale.get(trace.phase)
    rule = trace.program.phases[trace.phase].supersedes if trace.phase in trace.program.phases else None
    active = rule is not None and trace.standing.superseded_by.get(rule.phase) == trace.phase
    found["supersedes"] = (
        {"phase": rule.phase, "case": rule.case, "confounds": dict(rule.confounds)}
        if rule and active
        else None
    )
    return found


def _guard_json(guard: GuardResult) -> dict[str, Any]:
    return guard.model_dump(mode="json")


def _criterion_json(result: CriterionResult) -> dict[str, Any]:
    fields = ("id", "kind", "metric", "unit", "outcome", "answer", "treatment", "observed", "bound")
    found: dict[str, Any] = {name: getattr(result, name) for name in fields}
    threshold = result.threshold
    found["threshold"] = list(threshold) if isinstance(threshold, tuple) else threshold
    found["margin"] = result.margin
    found["interval"] = list(result.interval) if result.interval else None
    found["n"] = result.n
    found["run_ids"] = list(result.run_ids)
    found["flips_at"] = result.flips_at
    found["cause"] = result.cause
    found["reason"] = result.reason
    found["parts"] = [_criterion_json(part) for part in result.parts]
    return found


def _decision_json(decision: Decision) -> dict[str, Any]:
    return {
        "action": decision.action,
        "choice": decision.choice,
        "target": decision.target,
        "reason": decision.reason,
        "rule": decision.rule,
        "rejected": [r.model_dump(mode="json") for r in decision.rejected],
        "needs_person": decision.needs_person,
        "recommended": decision.recommended,
        "override_id": decision.override_id,
    }


# --- text --------------------------------------------------------------------------------------

_MARK = {"met": "+", "not_met": "-", "undecided": "?", "not_applicable": ".", "invalid": "!"}


def as_text(trace: Trace, full: bool = False) -> str:
    """The trace for a person: short by default, every run id and every criterion with ``full``."""
    verdict = trace.verdict
    if verdict is None:
        lines = [f"{trace.program.program} / {trace.phase}: not judged yet"]
    else:
        lines = [_headline(trace, verdict), f"  {trace.program.phases[trace.phase].question}"]
        lines += _verdict_lines(trace, verdict, full)
    if trace.decision is not None:
        lines += _decision_lines(trace.decision, full)
    lines += [f"override by {o.by} at {o.at}: {_what(o)} ({o.reason}) [{o.id}]" for o in trace.overrides]
    if full and trace.claims:
        lines += ["claims"]
        lines += [f"  {c.id}: {_words(c.status)}{_caveat_note(c.caveats)}" for c in trace.claims]
    return "\n".join(lines)


def _headline(trace: Trace, verdict: Verdict) -> str:
    told: list[str] = [verdict.outcome, verdict.confidence]
    told += [f"cause: {verdict.cause}"] if verdict.cause else []
    told += [f"case {verdict.case}"] if verdict.case else []
    told += [f"tier {verdict.tier}"] if verdict.tier else []
    told += [f"hypothesis {verdict.hypothesis}"] if verdict.hypothesis else []
    winner = trace.standing.superseded_by.get(trace.phase)
    told += [f"superseded by {winner}"] if winner else []
    told += [f"stale: {trace.standing.stale[trace.phase]}"] if trace.phase in trace.standing.stale else []
    return f"{trace.program.program} / {trace.phase}: {', '.join(told)}"


def _verdict_lines(trace: Trace, verdict: Verdict, full: bool) -> list[str]:
    lines = [f"  {verdict.means}"] if verdict.means else []
    shown = [g for g in verdict.guards if full or g.outcome != "met"]
    lines += ["guards"] if shown else []
    lines += [f"  {_MARK[g.outcome]} {g.id} -> {g.consequence}: {g.reason}" for g in shown]
    lines += ["gate"]
    gate = set(trace.program.phases[trace.phase].gate) if trace.phase in trace.program.phases else set()
    for result in verdict.criteria:
        if full or result.id in gate or _decides(trace, result.id):
            lines += _criterion_lines(result, full)
    lines += _supersession_lines(trace)
    if verdict.caveats:
        kept = verdict.caveats if full else verdict.caveats[:3]
        lines += ["caveats", *(f"  {c}" for c in kept)]
        more = len(verdict.caveats) - len(kept)
        lines += [f"  and {more} more (--full)"] if more else []
    return lines


def _decides(trace: Trace, name: str) -> bool:
    """Whether a criterion stands in the row of the table that held."""
    rules, verdict = trace.program.phases.get(trace.phase), trace.verdict
    if rules is None or verdict is None:
        return False
    row = rules.cases.get(verdict.case or "") or next(
        (t for t in rules.tiers if t.tier == verdict.tier), None
    )
    return row is not None and name in (*row.when, *row.unless)


def _criterion_lines(result: CriterionResult, full: bool) -> list[str]:
    lines = [f"  {_MARK[result.outcome]} {result.id}: {_words(result.outcome)} · {result.reason}"]
    facts = []
    if result.kind != "combined" and result.observed is not None:
        facts.append(f"observed {number(result.observed)} {result.unit}".rstrip())
        facts.append(f"asked {bound_text(result.bound, result.threshold)}")
        facts.append(f"margin {number(result.margin, signed=True)}")
        if result.interval:
            facts.append(f"interval [{number(result.interval[0])}, {number(result.interval[1])}]")
        facts.append(f"n {result.n}, {result.treatment}")
    if result.flips_at is not None and result.kind != "combined":
        facts.append(f"flips at {number(result.flips_at)}")
    if full:
        lines += [f"      {', '.join(facts)}"] if facts else []
        lines += [f"      {_MARK[p.outcome]} {p.id}: {p.reason}" for p in result.parts]
        lines += [f"      runs {', '.join(result.run_ids)}"] if result.run_ids else []
    elif facts:
        lines += [f"      {', '.join(facts[2:])}; runs {_few(result.run_ids)}"]
    return lines


def _supersession_lines(trace: Trace) -> list[str]:
    rule = trace.program.phases[trace.phase].supersedes if trace.phase in trace.program.phases else None
    if rule is None or trace.standing.superseded_by.get(rule.phase) != trace.phase:
        return []
    case = f"'s case {rule.case}" if rule.case else ""
    lines = [f"supersedes {rule.phase}{case}: its confounds are removed"]
    return lines + [f"  {name}: {what}" for name, what in rule.confounds.items()]


def _decision_lines(decision: Decision, full: bool) -> list[str]:
    choice = f" {decision.choice}" if decision.choice else ""
    lines = [f"decision {decision.id}: {decision.action}{choice}", f"  {decision.reason}"]
    lines += [f"  by rule {decision.rule}"]
    if decision.recommended is not None and decision.override_id:
        lines += [f"  the rules recommend {decision.recommended}; override {decision.override_id} stands"]
    if decision.needs_person:
        lines += [f"  waits for a person ({_words(decision.needs_person)})"]
    if decision.rejected:
        lines += ["  not chosen"]
    for other in decision.rejected:
        lines.append(f"    {other.choice}: {other.reason}")
        if other.flips_if:
            lines.append(f"      {other.flips_if}")
    return lines


def _what(override: Override) -> str:
    if override.choose:
        return f"chose {override.choose} over {override.recommended or 'the recommendation'}"
    return f"verdict {override.verdict}ed" if override.verdict else f"done: {override.done}"


def _few(ids: Sequence[str]) -> str:
    shown = ", ".join(i[:8] for i in ids[:3])
    return f"{shown} and {len(ids) - 3} more" if len(ids) > 3 else shown


def _words(text: str) -> str:
    return text.replace("_", " ")


def _caveat_note(caveats: Sequence[str]) -> str:
    return f" ({'; '.join(caveats)})" if caveats else ""


# --- mermaid -----------------------------------------------------------------------------------


def as_mermaid(trace: Trace) -> str:
    """The trace as a flowchart: evidence on the left, the decision on the right."""
    verdict, decision = trace.verdict, trace.decision
    lines = ["flowchart LR"]
    if verdict is not None:
        row = f"case {verdict.case}" if verdict.case else f"tier {verdict.tier}" if verdict.tier else ""
        told = " · ".join(filter(None, (verdict.outcome, verdict.confidence, row)))
        lines.append(f'  gate{{{{"{_escape(trace.phase)}<br/>{_escape(told)}"}}}}')
        for i, guard in enumerate(verdict.guards):
            lines.append(f'  g{i}["guard {_escape(guard.id)}<br/>{_words(guard.outcome)}"] --> gate')
        for i, result in enumerate(verdict.criteria):
            shown = "" if result.observed is None else f"<br/>{number(result.observed)}"
            asked = (
                "" if result.observed is None else f" / {_escape(bound_text(result.bound, result.threshold))}"
            )
            text = f"{_escape(result.id)}<br/>{_words(result.outcome)}{shown}{asked}"
            lines.append(f'  c{i}["{text}"]:::{result.outcome} --> gate')
    if decision is not None:
        source = "gate" if verdict is not None else "start((start))"
        text = f"{decision.action} {_escape(decision.choice or '')}".strip()
        lines.append(f'  {source} ==> decision["{text}"]')
        for i, other in enumerate(decision.rejected):
            lines.append(f'  {source.split("(")[0]} -.-x r{i}["{_escape(other.choice)}"]')
    lines += [
        "  classDef met fill:#d9f2e3,stroke:#2b8a3e",
        "  classDef not_met fill:#fde0dd,stroke:#c92a2a",
        "  classDef undecided fill:#fff3bf,stroke:#e67700",
        "  classDef not_applicable fill:#f1f3f5,stroke:#868e96",
        "  classDef invalid fill:#f3d9fa,stroke:#862e9c",
    ]
    return "\n".join(lines)


def _escape(text: str) -> str:
    kept = text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
    return kept.replace("#", "&#35;").replace("\n", " ")
