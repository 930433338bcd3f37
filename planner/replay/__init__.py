"""Replay: records derived again from runs and program.

Every verdict and decision once more from the recorded evidence, what differs and why (rules, evidence,
record); and what an edited program would have decided.

Public names: ``replay``, ``what_if``.
Never imports: stores, the clock.
"""
