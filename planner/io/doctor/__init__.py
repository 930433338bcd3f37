"""Doctor: what is broken in a home, and its mending.

One module per thing that is looked at. Nothing is deleted: what is broken is moved aside, and what a repair
did is said.

Public names: ``examine``, ``HomeUnderCheck``.
Never imports: ``planner.cli``, commands that run something.
"""
