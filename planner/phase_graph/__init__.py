"""The phase graph: what leads where.

A program's phases as a graph: unreachable phases and circles, an order, a layout, its picture as text and
mermaid. networkx is imported here and nowhere else.

Public names: ``build_graph``, ``Paths``.
Never imports: records of runs, evidence, and whatever judges or decides.
"""
