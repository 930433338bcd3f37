"""Criteria: a value per seed against a bound.

One module per kind of criterion (level, comparison, order, spread, combined); how a quantity is held
against its bound, when it flips, how many seeds would decide it. A new kind of criterion is a model in
``language.criterion`` and a module here, joined in ``judge.py``.

Public names: ``judge_criteria``, ``TestDesign``, ``Answer``.
Never imports: guards, gates and whatever stands above them.
"""
