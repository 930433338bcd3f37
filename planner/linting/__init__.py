"""Linting: what is wrong with a program before any run.

Truth tables over criteria, bounds that no value reaches, cases that overlap or never hold, paths that no
walk takes, budgets that cannot be kept. It reads the program alone.

Public names: ``check``.
Never imports: evidence of runs, stores.
"""
