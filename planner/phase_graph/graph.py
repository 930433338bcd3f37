"""The phase graph: what leads where, what is wrong with it, and what rests on what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import networkx as nx

from planner.errors import Problem
from planner.language.criterion_graph import criteria_consulted
from planner.language.program import Program
from planner.language.references import resolve
from planner.language.transitions import Transition, edges, left_open, openers, targets

STOPS = ("stop", "wait")


def build_graph(program: Program) -> nx.MultiDiGraph[str]:
    """Phases and the ends ``stop`` and ``wait``; each edge carries the ``rule`` that leads along it
    (a transition) and whether an option's ``tries`` bound how often (``bounded``).

    A rule that leads to triage has no edge of its own: the triage's options and its diagnosis have, and
    ``exhausted``, which stops. ``back`` leads to the phases whose triage may have opened this one.
    """
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(name=program.program)
    graph.add_nodes_from([*program.phases, *STOPS])
    for name in program.phases:
        rules = targets(program, name)
        for rule, target in rules.items():
            if target == "back":
                for opener in openers(program, name):
                    graph.add_edge(name, opener, rule=rule, bounded=True)
            elif target != "triage":
                bounded = rule.kind in ("diagnose", "triage")
                graph.add_edge(name, target, rule=rule, bounded=bounded)
        if program.phases[name].triage:
            graph.add_edge(name, "stop", rule=Transition("exhausted"), bounded=True)
    return graph


@dataclass(frozen=True)
class Paths:
    """What every walk from the first phase has in common; a phase is judged once in a walk.

    Attributes:
        surely_before: phase -> the phases on every way to it, itself included.
        before: phase -> the phases that may be judged before it.
        always: the phases that are judged on every way to an end, apart from invalid and blocked verdicts
            and from defaults that only an open table takes.
        endless: the phases in circles of ``next`` alone.
    """

    graph: nx.MultiDiGraph[str]
    first: str
    surely_before: dict[str, set[str]]
    before: dict[str, set[str]]
    always: set[str]
    endless: set[str]

    def may_be_judged(self, phase: str, holder: str, without: str) -> bool:
        """Whether a walk comes to a phase without that option of a triage."""
        if phase == holder:
            return True
        out_edges = self.graph.out_edges(holder, keys=True, data=True)
        removed = [
            (a, b, key) for a, b, key, data in out_edges if data["rule"] == Transition("triage", without)
        ]
        remaining = nx.restricted_view(self.graph, [], removed)
        return bool(nx.has_path(remaining, self.first, phase))


def build_paths(program: Program) -> Paths:
    """The ways through the phases that can be reached."""
    graph = build_graph(program)
    sure = _dominators(nx.DiGraph(graph), program.first)
    before = {
        name: {p for p in nx.ancestors(graph, name) if p in sure and name not in sure[p]}
        for name in program.phases
        if name in sure
    }
    sound: nx.DiGraph[str] = nx.DiGraph()
    sound.add_node(program.first)
    for one, other, data in graph.edges(data=True):
        kind, answer = data["rule"]
        unlikely = (
            kind == "default" and one in program.phases and answer not in left_open(program.phases[one])
        )
        if answer not in ("invalid", "blocked") and not (unlikely and answer in ("pass", "fail")):
            sound.add_edge(one, "stop" if other == "wait" else other)
    always = _dominators(sound, program.first).get("stop", {program.first})
    return Paths(graph, program.first, sure, before, always - set(STOPS), set().union(*_circles(graph)))


def _dominators(graph: nx.DiGraph[str], first: str) -> dict[str, set[str]]:
    """The nodes on every way to each node that can be reached, itself included."""
    above = nx.immediate_dominators(graph, first)
    dominators = {first: {first}}
    for node in above:
        path, current = {node, first}, node
        while current != first:
            current = above[current]
            path.add(current)
        dominators[node] = path
    return dominators


def graph_faults(program: Program) -> list[Problem]:
    """Phases that are never reached or never left, and circles without an end."""
    graph = build_graph(program)
    return [*_unreachable(program, graph), *_dead_ends(program, graph), *_endless(program, graph)]


def _unreachable(program: Program, graph: nx.MultiDiGraph[str]) -> Iterator[Problem]:
    reached = nx.descendants(graph, program.first) | {program.first}
    for name in program.phases:
        if name not in reached:
            yield ("phases", name), f"nothing leads to '{name}' from the first phase, '{program.first}'"


def _dead_ends(program: Program, graph: nx.MultiDiGraph[str]) -> Iterator[Problem]:
    ending = {name for stop in STOPS for name in nx.ancestors(graph, stop)}
    for name in program.phases:
        if name not in ending:
            yield ("phases", name, "next"), f"no way leads from '{name}' to stop or wait"


def _endless(program: Program, graph: nx.MultiDiGraph[str]) -> Iterator[Problem]:
    """Circles that no option's ``tries`` bounds: those of ``next`` alone."""
    plain = _plain(graph)
    for component in _circles(graph):
        first = next(name for name in program.phases if name in component)
        circle = [source for source, _ in nx.find_cycle(plain.subgraph(component), first)]
        chain = " -> ".join([*circle, circle[0]])
        what = f"may go round for ever: {chain}; lead through triage, whose tries end"
        yield ("phases", circle[0], "next"), what


def _plain(graph: nx.MultiDiGraph[str]) -> nx.DiGraph[str]:
    plain: nx.DiGraph[str] = nx.DiGraph()
    plain.add_edges_from((a, b) for a, b, data in graph.edges(data=True) if not data["bounded"])
    return plain


def _circles(graph: nx.MultiDiGraph[str]) -> list[set[str]]:
    """The phases of each circle of ``next`` alone."""
    plain = _plain(graph)
    components = nx.strongly_connected_components(plain)
    return [nodes for nodes in components if len(nodes) > 1 or plain.has_edge(*list(nodes) * 2)]


def rests_on(program: Program) -> nx.DiGraph[str]:
    """What rests on what: an edge leads from a phase to one whose verdict it builds on; ``why`` says how.

    A phase rests on another if it was opened by it, uses its criteria or its runs, or replaces its
    verdict. What an option expects or waits for moves the choice among options, not a verdict: no edge.
    """
    graph: nx.DiGraph[str] = nx.DiGraph(name=program.program)
    graph.add_nodes_from(program.phases)
    for name, phase in program.phases.items():
        for rule, target in targets(program, name).items():
            if target in program.phases:
                _rest(graph, target, name, f"opened by {rule}")
        for ref in criteria_consulted(program, name):
            key = resolve(program, name, ref)
            if key:
                _rest(graph, name, key[0], f"criterion {key[1]}")
        if phase.runs_of:
            _rest(graph, name, phase.runs_of, "runs_of")
        if phase.supersedes:
            _rest(graph, name, phase.supersedes.phase, "supersedes")
    return graph


def _rest(graph: nx.DiGraph[str], upper: str, lower: str, why: str) -> None:
    if upper != lower:
        reasons = graph.get_edge_data(upper, lower, default={}).get("why", ())
        graph.add_edge(upper, lower, why=(*reasons, why) if why not in reasons else reasons)


def build_layers(program: Program) -> list[list[str]]:
    """Phases in columns for drawing: each stands behind all that lead to it, circles cut where they close."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(program.phases)
    for edge in edges(program):
        inside = edge.target in program.phases and edge.target != edge.source
        if inside and not (edge.target in graph and nx.has_path(graph, edge.target, edge.source)):
            graph.add_edge(edge.source, edge.target)
    order = {name: i for i, name in enumerate(program.phases)}
    return [sorted(layer, key=order.__getitem__) for layer in nx.topological_generations(graph)]
