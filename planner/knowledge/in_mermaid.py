"""Knowledge as a mermaid flowchart: an arrow leads from what rests to what it rests on."""

from __future__ import annotations

from collections.abc import Sequence

from planner.knowledge.build import Knowledge
from planner.knowledge.chart import COLOURS, Chart, Lane, Node, build_chart
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


def as_mermaid(knowledge: Sequence[Knowledge]) -> str:
    """One chart for all of these programs: claims are round, criteria square, phases have six sides."""
    lines = ["flowchart LR"]
    for number, one in enumerate(knowledge):
        lines += _program_lines(build_chart(one), number)
    lines += [f"  classDef {name} fill:{fill},stroke:{edge}" for name, (fill, edge) in COLOURS.items()]
    lines += ["  classDef dashed stroke-dasharray:5 3"]
    return "\n".join(lines) + "\n"


def _program_lines(chart: Chart, number: int) -> list[str]:
    nodes = [node for lane in chart.lanes for node in _nodes(lane)]
    ids = {node.key: f"n{number}_{i}" for i, node in enumerate(nodes)}
    lines = [f'  subgraph program{number}["{mermaid.label(chart.program)}"]']
    for i, lane in enumerate(chart.lanes):
        lines.append(f'    subgraph lane{number}_{i}["{mermaid.label(lane.phase.title)}"]')
        lines += [f"      {_node_text(ids[node.key], node)}" for node in _nodes(lane)]
        lines.append("    end")
    lines += [f"    {ids[arrow.upper]} {_ARROWS[arrow.kind]} {ids[arrow.lower]}" for arrow in chart.arrows]
    dashed = [ids[node.key] for node in nodes if node.dashed]
    lines += [f"    class {','.join(dashed)} dashed"] if dashed else []
    return [*lines, "  end"]


def _nodes(lane: Lane) -> tuple[Node, ...]:
    return (*lane.claims, *lane.criteria, lane.phase)


def _node_text(name: str, node: Node) -> str:
    before, after = _SHAPES[node.kind]
    text = "<br/>".join(mermaid.label(part) for part in (node.title, *node.lines))
    return f"{name}{before}{text}{after}:::{node.status}"
