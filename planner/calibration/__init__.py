"""Calibration: how often verdicts err, simulated.

Runs are drawn under stated noise and walked through the same judging and deciding that real runs go
through; what comes out is a table of error rates with their uncertainty.

Public names: ``Calibration``, ``GateTrial``, ``PathTrial``.
Never imports: explaining, stores; chance is handed in.
"""
