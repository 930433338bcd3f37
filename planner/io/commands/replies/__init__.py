"""Replies: what each command prints with ``--json``, as types.

They are the contract with other programs: a key, its place and what it may hold are written here and
nowhere else, and ``cli.py schema --reply NAME`` publishes them.
"""
