"""The command line: each command parses, calls one function, prints its answer.

Errors become one sentence on stderr and an exit code, in one place. Nothing heavy is imported before a
command needs it.

Public names: ``app``, ``main``, ``show``.
Never imports: experiments; any library that has a door elsewhere.
"""
