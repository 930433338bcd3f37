"""The processes that run experiments: one serves requests, and each run has one of its own.

Experiments do not import what lies here, so none of it is part of a run's identity.
"""
