"""Histories: runs in the stores of others, as rows that can be judged.

Stores are read as they are, of whatever version, and nothing is ever written to them. A library that reads
one kind of store is imported when such a store is read, and named where it is not installed.

Public names: ``read_history``.
Never imports: commands, programs.
"""
