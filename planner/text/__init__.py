"""Text that stays text: on a terminal, in markdown, in diagrams; numbers and bounds in words."""
