"""The phase graph with today's states, as text for a terminal and as mermaid."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Literal

import pydantic
from pydantic import ConfigDict

from planner.language.program import OUTCOMES, Option, Phase, Program
from planner.language.transitions import Edge, edges, openers, targets
from planner.text import mermaid
from planner.text.numbers import words

State = Literal["locked", "ready", "running", "judged", "waiting", "blocked"]
WIDTH = 100


class PhaseState(pydantic.BaseModel):
    """Where a phase stands today; the words are those of ``status --json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: State = "locked"
    outcome: str | None = None
    tier: str | None = None
    case: str | None = None
    confidence: str | None = None
    stale: bool = False
    superseded_by: str | None = None

    @property
    def answer(self) -> str:
        """What was answered, in a few words: ``fail, case B, provisional``."""
        parts = [self.outcome, self.case and f"case {self.case}", self.tier and f"tier {self.tier}"]
        return ", ".join(word for word in [*parts, self.confidence] if word)

    @property
    def summary(self) -> str:
        """State and answer in one, each word once: ``waiting: fail, confirmed``, ``blocked, tier 1.5``."""
        if self.answer and self.state not in ("judged", self.outcome):
            return f"{self.state}: {self.answer}"
        return self.answer or self.state

    @property
    def remarks(self) -> list[str]:
        """What the answer is worth today."""
        superseded = [f"superseded by {self.superseded_by}"] if self.superseded_by else []
        return (["stale"] if self.stale else []) + superseded


States = Mapping[str, PhaseState]
UNKNOWN = PhaseState()


# --- text --------------------------------------------------------------------------------------


def as_text(program: Program, states: States) -> str:
    """The graph as a list of at most :data:`WIDTH` columns; a phase that only triage opens is indented.

    Args:
        states: where phases stand; one that is absent is locked.
    """
    indents = {name: _depth(program, name) * 2 + 2 for name in program.phases}
    names = max(len(name) + indents[name] for name in program.phases) + 2
    lines = [*_wrap(f"{program.program}: {program.question}", 0)]
    for name in program.phases:
        state = states.get(name, UNKNOWN)
        summary = " · ".join(part for part in [state.answer, *state.remarks] if part)
        head = f"{' ' * indents[name]}{name}".ljust(min(names, 44)) + f" {state.state:<8} {summary}"
        lines += ["", *_wrap(head, min(names, 44) + 10)]
        for line in _transition_lines(program, name):
            lines += _wrap(" " * (indents[name] + 2) + line, indents[name] + 4)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _transition_lines(program: Program, name: str) -> list[str]:
    """Where a phase leads: its answers, what it does otherwise, its triage."""
    phase, rules = program.phases[name], targets(program, name)
    by_target: dict[str, list[str]] = {}
    for answer, target in phase.next.items():
        by_target.setdefault(target, []).append(answer)
    # That invalid evidence waits for a person is the same everywhere, and not worth a line in each phase.
    defaults = {rule.answer: target for rule, target in rules.items() if rule.kind == "default"}
    rest = {o: defaults[o] for o in OUTCOMES if o in defaults and o != "invalid"}
    if len(set(rest.values())) > 1:
        # Triage takes what did not pass; only a pass of which nothing is said stops.
        by_target.setdefault(rest.pop("pass"), []).append("pass")
    goes_back = any(rule.kind == "back" for rule in rules)
    otherwise = next(iter(rest.values()), "back" if goes_back else None)
    if otherwise and set(by_target.get(otherwise, ["-"])) <= set(OUTCOMES) and not (goes_back and rest):
        del by_target[otherwise]
    texts = [f"{', '.join(answers)} -> {target}" for target, answers in by_target.items()]
    if otherwise:
        either = f"back if triage opened it, else {otherwise}"
        texts.append(f"otherwise -> {either if goes_back and rest else otherwise}")
    return ["   ".join(texts), *_triage_lines(phase)] if texts else _triage_lines(phase)


def _triage_lines(phase: Phase) -> list[str]:
    if not phase.triage:
        return []
    options = [_option_text(option) for option in phase.triage.options]
    lines = [f"triage: {', '.join(options)}"]
    return lines + ([f"diagnosed by {phase.triage.diagnose}"] if phase.triage.diagnose else [])


def _option_text(option: Option) -> str:
    leads = "" if option.opens == option.option else f" -> {option.opens}"
    notes = [f"{option.tries} tries"] if option.tries > 1 else []
    notes += [words(option.needs_person)] if option.needs_person else []
    notes += ["deferred"] if option.revisit_when else []
    notes += ["discouraged"] if option.discouraged else []
    return f"{option.option}{leads}" + (f" ({', '.join(notes)})" if notes else "")


def _depth(program: Program, name: str) -> int:
    plain = any(name in phase.next.values() for phase in program.phases.values())
    return 0 if plain or not openers(program, name) else 1


def _wrap(text: str, indent: int) -> list[str]:
    start = len(text) - len(text.lstrip())
    kept = textwrap.wrap(
        text,
        WIDTH,
        subsequent_indent=" " * max(indent, start),
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
        replace_whitespace=False,
    )
    return kept or [""]


# --- mermaid -----------------------------------------------------------------------------------

_COLOURS = {
    "locked": "fill:#f3f4f6,stroke:#9ca3af,color:#4b5563",
    "ready": "fill:#dbeafe,stroke:#2563eb,color:#1e3a8a",
    "running": "fill:#fef3c7,stroke:#d97706,color:#78350f",
    "waiting": "fill:#ffedd5,stroke:#ea580c,color:#7c2d12",
    "blocked": "fill:#e7e5e4,stroke:#44403c,color:#1c1917",
    "judged": "fill:#ede9fe,stroke:#7c3aed,color:#4c1d95",
    "pass": "fill:#dcfce7,stroke:#16a34a,color:#14532d",
    "fail": "fill:#fee2e2,stroke:#dc2626,color:#7f1d1d",
    "ended": "fill:#ffffff,stroke:#6b7280,color:#374151",
}


def as_mermaid(program: Program, states: States) -> str:
    """The graph as a mermaid flowchart: arrows for answers, dotted ones for triage.

    A dotted arrow with two heads leads to a phase that leads back to this triage.
    """
    drawn = edges(program)
    ends = [end for end in ("stop", "wait") if any(edge.target == end for edge in drawn)]
    ids = {name: f"p{i}" for i, name in enumerate(program.phases)} | {end: f"end_{end}" for end in ends}
    lines = ["flowchart TD"]
    for name in program.phases:
        state = states.get(name, UNKNOWN)
        parts = [state.summary, *state.remarks]
        label = "<br/>".join(mermaid.label(part) for part in [name, *parts])
        lines.append(f'  {ids[name]}["{label}"]:::{colour_of(state)}')
    lines += [f'  {ids[end]}(["{end}"]):::ended' for end in ends]
    lines += [f"  {ids[edge.source]} {_arrow(edge)} {ids[edge.target]}" for edge in drawn]
    lines += [f"  classDef {name} {style}" for name, style in _COLOURS.items()]
    return "\n".join(lines) + "\n"


def colour_of(state: PhaseState) -> str:
    """The class of colours of a state: its outcome where it passed or failed, else the state."""
    return state.outcome if state.state == "judged" and state.outcome in ("pass", "fail") else state.state


def label_of(edge: Edge) -> str:
    """What is written on an arrow: nothing where it would repeat the name that it leads to."""
    if edge.kind == "diagnose":
        return "diagnose"
    return ", ".join(answer for answer in edge.answers if (edge.kind, answer) != ("triage", edge.target))


def _arrow(edge: Edge) -> str:
    dotted = edge.kind in ("triage", "diagnose")
    line = ("<-.->" if edge.returns else "-.->") if dotted else "-->"
    label = mermaid.label(label_of(edge) or ("triage" if dotted else ""))
    return f'{line}|"{label}"|' if label else line
