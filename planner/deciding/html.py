"""What a plan looks like in a notebook."""

from __future__ import annotations

from collections import Counter

from planner.deciding.situation import Plan
from planner.text.html import Html, card, items, paragraph, table
from planner.text.numbers import words


def plan_html(plan: Plan) -> Html:
    """A plan as a card: where the program stands, the phases judged so far, the runs to be made."""
    ahead = plan.next
    launch = Counter(run.arm for run in plan.launch)
    judged = (
        (step.verdict.phase, step.verdict.outcome, step.verdict.confidence, words(step.decision.action))
        for step in plan.steps
    )
    return card(
        f"{plan.state} at {plan.phase}",
        table(("phase", "outcome", "confidence", "then"), judged),
        paragraph(f"next: {words(ahead.action)} {ahead.choice or ''} - {ahead.reason}" if ahead else ""),
        table(("arm", "runs to be made"), launch.items()),
        items("passed over", plan.passed_over),
    )
