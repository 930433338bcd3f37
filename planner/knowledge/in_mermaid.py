"""Knowledge as a mermaid flowchart: an arrow leads from what rests to what it rests on."""

from __future__ import annotations

from collections.abc import Sequence

from planner.knowledge.build import Knowledge
from planner.knowledge.chart import COLOURS, Box, Lane, Web, build_web
from planner.text import mermaid

_SHAPES = {"claim": ('(["', '"])'), "criterion": ('["', '"]'), "phase": ('{{"', '"}}')}
_ARROWS = {
    "names": "-->",
    "judged": "-->",
    "opened": '-.->|"opened by"|',
    "criterion": '==>|"uses a criterion of"|',
    "runs": '==>|"uses the runs of"|',
    "supersedes": '-.->|"supersedes"|',
}


def as_mermaid(known: Sequence[Knowledge]) -> str:
    """One chart for all of these programs: claims are round, criteria square, phases have six sides."""
    lines = ["flowchart LR"]
    for number, one in enumerate(known):
        lines += _program_lines(build_web(one), number)
    lines += [f"  classDef {name} fill:{fill},stroke:{edge}" for name, (fill, edge) in COLOURS.items()]
    lines += ["  classDef dashed stroke-dasharray:5 3"]
    return "\n".join(lines) + "\n"


def _program_lines(web: Web, number: int) -> list[str]:
    boxes = [box for lane in web.lanes for box in _boxes(lane)]
    ids = {box.key: f"n{number}_{i}" for i, box in enumerate(boxes)}
    lines = [f'  subgraph program{number}["{mermaid.label(web.program)}"]']
    for i, lane in enumerate(web.lanes):
        lines.append(f'    subgraph lane{number}_{i}["{mermaid.label(lane.phase.title)}"]')
        lines += [f"      {_node(ids[box.key], box)}" for box in _boxes(lane)]
        lines.append("    end")
    lines += [f"    {ids[tie.upper]} {_ARROWS[tie.kind]} {ids[tie.lower]}" for tie in web.ties]
    dashed = [ids[box.key] for box in boxes if box.dashed]
    lines += [f"    class {','.join(dashed)} dashed"] if dashed else []
    return [*lines, "  end"]


def _boxes(lane: Lane) -> tuple[Box, ...]:
    return (*lane.claims, *lane.criteria, lane.phase)


def _node(name: str, box: Box) -> str:
    before, after = _SHAPES[box.kind]
    text = "<br/>".join(mermaid.label(part) for part in (box.title, *box.lines))
    return f"{name}{before}{text}{after}:::{box.status}"
