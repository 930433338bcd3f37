"""What an experiment takes and gives: the contract's own types, under the planner's name."""

from experiments.contract import Experiment, MetricLog

__all__ = ["Experiment", "MetricLog"]
