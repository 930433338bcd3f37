"""Statistics: the bounds that every verdict is read off, intervals and power.

Functions of plain numbers: they know no program or run, and give the same answer for the same numbers on
every machine. SciPy is imported here and nowhere else. ``bounds`` is for means, ``rates`` for 0/1 metrics;
``levels`` says how much each look may spend, ``crossing`` how often a rule errs that looks after every value.

Public names: ``bounds_of``, ``t_interval``, ``power``.
Never imports: anything else of the planner but ``text`` and ``errors``.
"""
