"""A module that is no experiment: it has a ``Config`` and nothing else."""

from experiments.contract import Config  # noqa: F401
