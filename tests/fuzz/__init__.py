"""Damages homes at random and runs the commands on them: ``python -m tests.fuzz`` (``make fuzz``)."""
