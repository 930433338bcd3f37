"""The language of programs: what a program file may say.

Pydantic models of every key, families of arms spelled out, references resolved, the JSON schema for
editors. A program that loads has no fault that a single file can show.

Public names: ``Program``, ``Phase``, ``Criterion``, ``resolve``.
Never imports: records, evidence, and whatever judges or decides.
"""
