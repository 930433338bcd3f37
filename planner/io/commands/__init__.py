"""Commands: one module for each thing that a person asks for.

Stores, launcher and clock are joined here into what the deciding rooms need; every function takes a home
and typed options and gives what is to be shown.

Public names: ``advance_programs``, ``Session``, ``open_program``.
Never imports: ``planner.cli``, ``doctor``.
"""
