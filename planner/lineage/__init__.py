"""Lineage: what still stands, and why not.

Which verdicts are stale because code, data, rules or a verdict under them changed; what is in force today;
what each phase rests on.

Public names: ``build_validity``, ``build_program_state``.
Never imports: explaining, stores, the clock.
"""
