"""Processes, signals, clock, quarantine."""
