"""What records look like in a notebook."""

from __future__ import annotations

from collections.abc import Iterator

from planner.records.base import Identified
from planner.records.decision import Decision
from planner.records.person import Override
from planner.records.verdict import CriterionResult, Verdict
from planner.text.html import Html, card, items, paragraph, table
from planner.text.numbers import around, bound_text, number, words


def record_html(record: Identified) -> Html:
    """A record as a card: what it says first, then what that rests on."""
    if isinstance(record, Verdict):
        return _verdict(record)
    if isinstance(record, Decision):
        return _decision(record)
    if isinstance(record, Override):
        return _override(record)
    fields = record.model_dump(exclude={"schema_version"})
    return card(type(record).__name__, table(("field", "value"), fields.items()))


def _verdict(verdict: Verdict) -> Html:
    facts: list[str] = [verdict.outcome, verdict.confidence]
    facts += [f"{name} {value}" for name in ("case", "tier", "cause") if (value := getattr(verdict, name))]
    guards = [f"{guard.id}: {guard.reason}" for guard in verdict.guards if guard.outcome == "not_met"]
    claims = [f"{claim.says} {words(claim.status)}" for claim in verdict.claims]
    return card(
        f"{verdict.program} / {verdict.phase}: {', '.join(facts)}",
        paragraph(verdict.means),
        table(
            ("criterion", "outcome", "observed", "asked", "seeds", "why"), map(_criterion, verdict.criteria)
        ),
        items("claims", claims),
        items("guards that failed", guards),
        items("caveats", verdict.caveats),
        paragraph(f"{len(verdict.run_ids)} runs at fidelity {verdict.fidelity}; {verdict.id}"),
    )


def _criterion(result: CriterionResult) -> tuple[object, ...]:
    combined = result.kind == "combined"
    observed = "" if combined else f"{number(result.observed)}{around(result.interval)} {result.unit}"
    bound = "" if combined else bound_text(result.bound, result.threshold)
    return result.id, words(result.outcome), observed, bound, result.n, result.reason


def _decision(decision: Decision) -> Html:
    rejected = ((other.choice, other.reason, other.flips_if) for other in decision.rejected)
    return card(
        f"{decision.program} / {decision.phase}: {_next(decision)}",
        paragraph(decision.reason),
        items("to be read with it", _remarks(decision)),
        table(("not chosen", "why", "would be if"), rejected),
        paragraph(f"by rule {decision.rule}; {decision.id}"),
    )


def _next(decision: Decision) -> str:
    return " ".join(filter(None, (words(decision.action), decision.choice)))


def _remarks(decision: Decision) -> Iterator[str]:
    if decision.needs_person:
        yield f"waits for a person {words(decision.needs_person)}"
    if decision.override_ids:
        yield f"follows override {', '.join(decision.override_ids)}"
    if decision.recommended:
        yield f"the rules recommend {decision.recommended}"
    for due in decision.due:
        yield f"due: option {due.option} of {due.holder}"


def _override(override: Override) -> Html:
    words_on_it = {
        "chose": override.choose,
        "verdict": override.verdict,
        "done": override.done,
        "the rules recommend": override.recommended,
        "contradicts": override.contradicts,
        "expires": override.expires,
    }
    return card(
        f"{override.program} / {override.phase}: override by {override.by} at {override.at}",
        paragraph(override.reason),
        table(("what", "which"), ((name, value) for name, value in words_on_it.items() if value)),
        paragraph(override.id),
    )
