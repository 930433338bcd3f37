"""An explanation as a flowchart."""

from __future__ import annotations

from planner.explaining.trace import Trace
from planner.text.mermaid import label
from planner.text.numbers import bound_text, number, words


def as_mermaid(trace: Trace) -> str:
    """The trace as a flowchart: evidence on the left, the decision on the right."""
    verdict, decision = trace.verdict, trace.decision
    lines = ["flowchart LR"]
    gate = trace.rules.gate if trace.rules else []
    if verdict is not None:
        row = f"case {verdict.case}" if verdict.case else f"tier {verdict.tier}" if verdict.tier else ""
        conclusion = " · ".join(filter(None, (verdict.outcome, verdict.confidence, row)))
        lines.append(f'  gate{{{{"{label(trace.phase)}<br/>{label(conclusion)}"}}}}')
        for i, guard in enumerate(verdict.guards):
            lines.append(f'  g{i}["guard {label(guard.id)}<br/>{words(guard.outcome)}"] --> gate')
        for i, result in enumerate(verdict.criteria):
            shown = "" if result.observed is None else f"<br/>{number(result.observed)}"
            bound = (
                "" if result.observed is None else f" / {label(bound_text(result.bound, result.threshold))}"
            )
            text = f"{label(result.id)}<br/>{words(result.outcome)}{shown}{bound}"
            arrow = "-->" if result.id in gate else "-.->"
            lines.append(f'  c{i}["{text}"]:::{result.outcome} {arrow} gate')
    if decision is not None:
        source = "gate" if verdict is not None else "start((start))"
        text = f"{decision.action} {label(decision.choice or '')}".strip()
        lines.append(f'  {source} ==> decision["{text}"]')
        for i, other in enumerate(decision.rejected):
            lines.append(f'  {source.split("(")[0]} -.-x r{i}["{label(other.choice)}"]')
    lines += [
        "  classDef met fill:#d9f2e3,stroke:#2b8a3e",
        "  classDef not_met fill:#fde0dd,stroke:#c92a2a",
        "  classDef undecided fill:#fff3bf,stroke:#e67700",
        "  classDef not_applicable fill:#f1f3f5,stroke:#868e96",
        "  classDef invalid fill:#f3d9fa,stroke:#862e9c",
    ]
    return "\n".join(lines)
