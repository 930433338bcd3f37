"""The public Python interface: what a notebook or a script does with programs, tables and homes.

Every function parses nothing and decides nothing: it brings what it is given into the form that the rooms
below take, calls one of them, and gives a record or a report back. ``planner/__init__.py`` has the public
names; nothing else in this room is public.

Public names: ``judge``, ``load_program``, ``HomeReader``, ``Report``.
Never imports: ``planner.testing``, the command line.
"""
