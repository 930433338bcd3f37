"""Knowledge as a person reads it on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from planner.explaining.headline import headline_facts
from planner.knowledge.build import Knowledge, KnownClaim, Link
from planner.records.verdict import CriterionResult
from planner.scoring.override_list import override_lines
from planner.scoring.override_score import tally_rows
from planner.scoring.predictions import BrierScore, ScoredPrediction, brier_score
from planner.text.numbers import number, words

_MARK = {"met": "+", "not_met": "-", "undecided": "?", "not_applicable": ".", "invalid": "!"}


def as_text(knowledge: Sequence[Knowledge]) -> str:
    """One block per program; behind several, the score of all their predictions."""
    blocks = ["\n".join(_program_lines(one)) for one in knowledge]
    if len(knowledge) > 1:
        blocks.append(
            f"all programs: {_score_text(brier_score([p for one in knowledge for p in one.predictions]))}"
        )
    return "\n\n".join(blocks)


def _program_lines(knowledge: Knowledge) -> list[str]:
    program = knowledge.state.program
    counted = Counter(words(claim.status) for claim in knowledge.claims)
    claims = ", ".join(f"{count} {status}" for status, count in counted.items()) or "none"
    lines = [f"{program.program} ({knowledge.state.fidelity}): {program.question}", f"claims: {claims}"]
    for phase in dict.fromkeys(claim.phase for claim in knowledge.claims):
        lines += ["", _phase_line(knowledge, phase)]
        for claim in knowledge.claims:
            lines += _claim_lines(claim) if claim.phase == phase else []
    lines += ["", f"predictions: {_score_text(brier_score(knowledge.predictions))}"]
    lines += [_prediction_line(scored) for scored in knowledge.predictions]
    lines += ["hypotheses"] if knowledge.rivals else []
    lines += [f"  {rival.id}: {rival.status} · {rival.says}" for rival in knowledge.rivals]
    lines += [f"overrides: {_tally_text(tally_rows(knowledge.overrides))}"] if knowledge.overrides else []
    return lines + [f"  {line}" for row in knowledge.overrides for line in override_lines(row)]


def _phase_line(knowledge: Knowledge, phase: str) -> str:
    verdict = knowledge.state.verdicts.get(phase)
    if verdict is None:
        return f"{phase}: not judged yet"
    facts = ", ".join([verdict.outcome, *headline_facts(verdict, knowledge.state.validity)])
    return f"{phase}: {facts} ({verdict.id})"


# --- claims ------------------------------------------------------------------------------------


def _claim_lines(claim: KnownClaim) -> list[str]:
    was = f" (was {words(claim.judged_status)})" if claim.judged_status not in (None, claim.status) else ""
    lines = [f"  {claim.id}: {words(claim.status)}{was} · {claim.says}"]
    lines += [f"    caveat: {caveat}" for caveat in claim.caveats]
    if claim.verdict is not None:
        lines += ["    evidence", *(line for r in claim.evidence for line in _evidence_lines(r))]
    lines += [f"    rests on: {_links_text(claim.rests_on)}"]
    return lines + [f"    rested on by: {_links_text(claim.rested_on_by) or 'nothing'}"]


def _evidence_lines(result: CriterionResult) -> Iterator[str]:
    """A criterion; a combined one by its parts, which hold the numbers."""
    parts = result.parts if result.kind == "combined" else ()
    runs = "" if parts or not result.run_ids else f" (n {result.n}; runs {_few(result.run_ids)})"
    outcome = words(result.outcome) if parts else f"{words(result.outcome)} · {result.reason}"
    yield f"      {_MARK[result.outcome]} {result.id}: {outcome}{runs}"
    for part in parts:
        yield from (f"  {line}" for line in _evidence_lines(part))


def _few(ids: Sequence[str]) -> str:
    shown = ", ".join(run[:8] for run in ids[:3])
    return f"{shown} and {len(ids) - 3} more" if len(ids) > 3 else shown


def _links_text(links: Sequence[Link]) -> str:
    """Everything at the other end, each once with every reason."""
    why: dict[tuple[str, str], list[str]] = {}
    for link in links:
        why.setdefault((link.kind, link.name), []).append(link.why)
    return ", ".join(f"{kind} {name} ({'; '.join(reasons)})" for (kind, name), reasons in why.items())


# --- scores ------------------------------------------------------------------------------------


def _score_text(score: BrierScore) -> str:
    if score.score is None:
        return f"none settled, {score.open} open" if score.open else "none registered"
    summary = f"Brier score {number(score.score)} over {score.settled} settled, {score.open} open"
    return f"{summary} (0 is best; always saying 50% scores {number(score.even_odds)})"


def _prediction_line(scored: ScoredPrediction) -> str:
    came = {True: "it came true", False: "it did not come true", None: "open"}[scored.prediction.came]
    scores = f", scores {number(scored.score)}" if scored.score is not None else ""
    changed = "; the program says otherwise by now" if scored.prediction.changed else ""
    sure = number(scored.prediction.probability)
    return f"  {scored.phase}: {scored.prediction.what} ({sure}); {came}{scores}{changed}"


def _tally_text(counted: Mapping[str, Any]) -> str:
    agreed = f"; {counted['agreed']} contradict nothing" if counted["agreed"] else ""
    return f"{counted['right']} right, {counted['wrong']} wrong, {counted['open']} open{agreed}"
