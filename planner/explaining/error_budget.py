"""What a phase's gate may err, and what the gates judged so far have spent of the program's budget."""

from __future__ import annotations

from typing import Any

from planner.explaining.trace import Trace
from planner.judging.error_budget import AlphaSpending, build_alpha_spending
from planner.text.numbers import number


def alpha_spending_of(trace: Trace) -> AlphaSpending:
    """The program's error budget after the verdicts that are explained."""
    judged = dict(trace.verdicts)
    if trace.verdict is not None:
        judged[trace.phase] = trace.verdict
    return build_alpha_spending(trace.program, judged)


def budget_json(trace: Trace) -> dict[str, Any]:
    """Key ``error_budget`` of ``explain --json``."""
    spending = alpha_spending_of(trace)
    share = spending.of(trace.phase)
    facts = spending.model_dump(mode="json", include={"budget", "spent", "planned", "shares"})
    return {**facts, "share": share.rate if share is not None else None}


def budget_line(trace: Trace) -> str:
    """One sentence; empty where the program no longer has the phase."""
    spending = alpha_spending_of(trace)
    share = spending.of(trace.phase)
    if share is None:
        return ""
    after = f", the share of {share.after}, whose pass alone leads here" if share.after else ""
    rate, spent, budget = (number(value, digits=2) for value in (share.rate, spending.spent, spending.budget))
    return (
        f"this gate may pass falsely with probability {rate}{after}; "
        f"the gates judged so far have spent {spent} of the program's {budget}"
    )
