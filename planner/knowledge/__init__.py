"""Knowledge: claims, what they rest on, and what rests on them.

From records to claims with their evidence; as text, JSON and mermaid, and as a chart whose layout is worked
out here and drawn elsewhere.

Public names: ``build_knowledge``, ``build_chart``.
Never imports: stores, files, figures.
"""
