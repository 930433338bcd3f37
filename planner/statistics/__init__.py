"""Statistics: intervals, power and the sequential rules that a verdict rests on.

Functions of plain numbers: they know no program, run or file, and give the same answer for the same numbers
on every machine. SciPy is imported here and nowhere else.

Public names: ``t_interval``, ``power``, ``first_answer``.
Never imports: anything else of the planner but ``text`` and ``errors``.
"""
