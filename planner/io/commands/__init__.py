"""Commands: one module for each thing that a person asks for.

Stores, launcher and clock are joined here into what the deciding rooms need; every function takes a home
and typed options and gives an answer: a reply for programs (``replies``), a text for a person.

Public names: ``answer_advance``, ``answer_status``, ``Session``, ``open_program``.
Never imports: ``planner.cli``.
"""
