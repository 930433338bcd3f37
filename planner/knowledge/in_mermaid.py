"""Knowledge as a mermaid flowchart: an arrow leads from what rests to what it rests on."""

from __future__ import annotations

from collections.abc import Sequence

from planner import mermaid
from planner.knowledge.build import Knowledge
from planner.knowledge.web import COLOURS, Box, Tie, Web, build_web

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
    webs = [build_web(one) for one in known]
    keys = [(web.program, box.key) for web in webs for box in _boxes(web)]
    ids = {key: f"n{i}" for i, key in enumerate(keys)}
    lines = ["flowchart LR"]
    for i, web in enumerate(webs):
        lines += _program_lines(web, i, ids)
    lines += [f"  classDef {name} fill:{fill},stroke:{edge}" for name, (fill, edge) in COLOURS.items()]
    lines += ["  classDef dashed stroke-dasharray:5 3"]
    return "\n".join(lines) + "\n"


def _boxes(web: Web) -> list[Box]:
    return [box for lane in web.lanes for box in (*lane.claims, *lane.criteria, lane.phase)]


def _program_lines(web: Web, number: int, ids: dict[tuple[str, str], str]) -> list[str]:
    lines = [f'  subgraph program{number}["{mermaid.label(web.program)}"]']
    for i, lane in enumerate(web.lanes):
        lines.append(f'    subgraph lane{number}_{i}["{mermaid.label(lane.phase.title)}"]')
        lines += [
            f"      {_box(ids[web.program, b.key], b)}" for b in (*lane.claims, *lane.criteria, lane.phase)
        ]
        lines.append("    end")
    return [*lines, *(f"    {_arrow(web, tie, ids)}" for tie in web.ties), "  end"]


def _box(name: str, box: Box) -> str:
    before, after = _SHAPES[box.kind]
    text = "<br/>".join(mermaid.label(part) for part in (box.title, *box.lines))
    dashed = f"\n      class {name} dashed" if box.dashed else ""
    return f"{name}{before}{text}{after}:::{box.status}{dashed}"


def _arrow(web: Web, tie: Tie, ids: dict[tuple[str, str], str]) -> str:
    return f"{ids[web.program, tie.upper]} {_ARROWS[tie.kind]} {ids[web.program, tie.lower]}"
