"""Damages homes at random and runs the commands on them: ``make fuzz``."""
