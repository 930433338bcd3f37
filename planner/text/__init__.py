"""Text that stays text: on a terminal, in markdown and in diagrams; numbers and bounds in words.

What comes from programs, runs and people is escaped here before anybody sees it, and every number is worded
by one set of rules.

Public names: ``number``, ``sentence``, ``escape``.
Never imports: anything else of the planner.
"""
