"""Statistics: intervals, power and the sequential rules that a verdict rests on.

Functions of plain numbers: they know no program or run, and give the same answer for the same numbers on
every machine. SciPy is imported here and nowhere else. ``bounds`` and ``rates`` are what verdicts will rest
on in place of ``sequential`` and ``anytime``: a lower and an upper bound off which every answer is read.

Public names: ``t_interval``, ``power``, ``first_answer``, ``bounds_of``.
Never imports: anything else of the planner but ``text`` and ``errors``.
"""
