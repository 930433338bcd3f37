"""The statistics of a verdict: intervals, power, sequential rules."""
