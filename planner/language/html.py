"""What a program looks like in a notebook."""

from __future__ import annotations

from planner.language.program import Phase, Program
from planner.text.html import Html, card, paragraph, table


def program_html(program: Program) -> Html:
    """A program as a card: its question, its phases in order, its metrics."""
    metrics = ((name, metric.unit, metric.better, metric.means) for name, metric in program.metrics.items())
    return card(
        program.program,
        paragraph(program.question),
        table(
            ("phase", "question", "arms", "gate", "leads to"), (_phase(*it) for it in program.phases.items())
        ),
        table(("metric", "unit", "better", "means"), metrics),
    )


def _phase(name: str, phase: Phase) -> tuple[object, ...]:
    options = [option.opens for option in phase.triage.options] if phase.triage else []
    ahead = dict.fromkeys([*phase.next.values(), *options])
    return name, phase.question, ", ".join(phase.arms), ", ".join(phase.gate), ", ".join(ahead)
