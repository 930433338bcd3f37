"""Explaining: why, why not, and what if.

Everything that one explanation speaks of, as text, JSON and mermaid: the rule that fired, those that did
not and by how much, the cheapest experiment that could change the answer, the decision beyond a flip point.

Public names: ``Trace``, ``trace_of``, ``as_json``, ``as_text``.
Never imports: memo, engine, stores.
"""
