"""Evidence: which runs count for a phase, and one value per seed.

From all the runs of a store to those that count (and why the others do not), from a run's series to the one
value that a criterion reads, from arms to the results table. It judges nothing.

Public names: ``RunSelector``, ``Evidence``, ``build_sample``.
Never imports: criteria, guards, and whatever judges or decides.
"""
