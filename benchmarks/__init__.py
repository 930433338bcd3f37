"""Measurements of the planner's own rules, by simulation with fixed seeds."""
