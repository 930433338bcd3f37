"""phasegate: gated research programs, judged by rules, with reasons.

The public names are below; each is imported when it is first used, so that ``import planner`` costs nothing.
``planner.testing`` has what tests of a program need. Everything else may change without notice: see
``docs/public.md``.

Example:
    >>> import planner
    >>> program = planner.load_program({
    ...     "program": "dropout",
    ...     "question": "Does dropout help?",
    ...     "experiment": "dropout",
    ...     "metrics": {"val_accuracy": {"unit": "fraction", "better": "higher"}},
    ...     "arms": {"plain": {"dropout": 0.0}, "dropout": {"dropout": 0.3}},
    ...     "phases": {"first_look": {
    ...         "question": "Is it better by two points?",
    ...         "arms": ["plain", "dropout"],
    ...         "factor": "dropout",
    ...         "criteria": {"better": {
    ...             "metric": "val_accuracy", "arm": "dropout", "versus": "plain", "better_by": 0.02,
    ...         }},
    ...         "gate": ["better"],
    ...     }},
    ... })
    >>> verdict = program.judge([
    ...     {"arm": arm, "seed": seed, "val_accuracy": base * (1 + seed / 100)}
    ...     for arm, base in (("plain", 0.90), ("dropout", 0.95))
    ...     for seed in range(3)
    ... ])
    >>> verdict.outcome
    'pass'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from planner import testing
    from planner.api.experiments import Experiment, MetricLog
    from planner.api.explanations import explain, what_if
    from planner.api.home import HomeReader, open_home
    from planner.api.programs import check, load_program
    from planner.api.report import Report
    from planner.api.simulations import calibrate
    from planner.api.verdicts import judge, plan
    from planner.deciding.situation import Plan
    from planner.errors import PhasegateError, ProgramError, StoreUnavailable, UsageError
    from planner.language.finding import Finding
    from planner.language.program import Program
    from planner.records.decision import Decision
    from planner.records.person import Override
    from planner.records.verdict import Verdict

__all__ = [
    "Decision",
    "Experiment",
    "Finding",
    "HomeReader",
    "MetricLog",
    "Override",
    "PhasegateError",
    "Plan",
    "Program",
    "ProgramError",
    "Report",
    "StoreUnavailable",
    "UsageError",
    "Verdict",
    "calibrate",
    "check",
    "explain",
    "judge",
    "load_program",
    "open_home",
    "plan",
    "testing",
    "what_if",
]

_MODULES = {
    "Decision": "records.decision",
    "Experiment": "api.experiments",
    "Finding": "language.finding",
    "HomeReader": "api.home",
    "MetricLog": "api.experiments",
    "Override": "records.person",
    "PhasegateError": "errors",
    "Plan": "deciding.situation",
    "Program": "language.program",
    "ProgramError": "errors",
    "Report": "api.report",
    "StoreUnavailable": "errors",
    "UsageError": "errors",
    "Verdict": "records.verdict",
    "calibrate": "api.simulations",
    "check": "api.programs",
    "explain": "api.explanations",
    "judge": "api.verdicts",
    "load_program": "api.programs",
    "open_home": "api.home",
    "plan": "api.verdicts",
    "what_if": "api.explanations",
}
"""Public name -> the module that defines it."""


def __getattr__(name: str) -> Any:
    """A public name, imported when it is first asked for."""
    if name == "testing":
        return importlib.import_module("planner.testing")
    if name not in _MODULES:
        raise AttributeError(f"module 'planner' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"planner.{_MODULES[name]}"), name)
    globals()[name] = value  # the next time without this function
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
