"""Which seed a run had, where only its parameters say so."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planner.errors import OptionError
from planner.history.logged_run import LoggedRun
from planner.language.suggestions import instead

SEED_NAMES = (
    *("seed", "random_seed", "random_state", "seed_everything", "rng_seed", "global_seed", "manual_seed"),
    *("torch_seed", "np_seed", "numpy_seed", "train_seed", "training_seed", "init_seed", "base_seed"),
    *("model_seed", "run_seed"),
)
"""Last parts of names under which people log a seed, the surest first. One of the data is not among them."""
_SEPARATORS = re.compile(r"[./:\s]+|__")
_OF_DATA = frozenset({"data", "dataset", "split", "datamodule", "loader"})
_WHOLE = re.compile(r"\s*-?[0-9]{1,15}(?:\.0*)?\s*")


@dataclass(frozen=True)
class SeedSource:
    """Where seeds were read.

    Attributes:
        param: the parameter; None where the tag ``planner.seed`` or nothing said them.
        of_run: run id -> seed; a run that says none is not in it.
    """

    param: str | None
    of_run: Mapping[str, int]


def read_seeds(runs: Sequence[LoggedRun], seed_from: str | None) -> SeedSource:
    """The seed of every run that says one: its tag, then the parameter that was named, or that is named so.

    Args:
        seed_from: ``params.NAME`` or ``NAME``; None to look for one.

    Raises:
        UsageError: no run has the parameter that was named.
    """
    param = _named(runs, seed_from) if seed_from else _most_likely(runs)
    seeds = {}
    for run in runs:
        seed = run.seed if run.seed is not None else _whole(run.params.get(param or "", ""))
        if seed is not None:
            seeds[run.id] = seed
    read = param is not None and any(run.seed is None and run.id in seeds for run in runs)
    return SeedSource(param if read else None, seeds)


def is_seed_name(name: str) -> bool:
    """Whether a parameter's name says that it is a seed."""
    return _rank(name) is not None


def _named(runs: Sequence[LoggedRun], seed_from: str) -> str:
    name = seed_from.removeprefix("params.")
    names = {held for run in runs for held in run.params}
    if runs and name not in names:
        raise OptionError("seed-from", f"no run has a parameter '{name}'{instead(name, names)}")
    return name


def _most_likely(runs: Sequence[LoggedRun]) -> str | None:
    """Of the parameters that are named as seeds are, the surest name; of equal ones, that of most runs."""
    values: dict[str, Counter[int]] = {}
    for run in runs:
        for name, text in run.params.items():
            seed = _whole(text)
            if seed is not None and _rank(name) is not None:
                values.setdefault(name, Counter())[seed] += 1
    # One value in all runs is a setting that somebody fixed, and tells no run from another.
    varying = [name for name, held in values.items() if len(held) > 1 or held.total() == 1]
    ranked = sorted(varying, key=lambda name: (_rank(name), -values[name].total(), len(name), name))
    return ranked[0] if ranked else None


def _rank(name: str) -> int | None:
    *before, last = _SEPARATORS.split(name.strip().lower().replace("-", "_"))
    return SEED_NAMES.index(last) if last in SEED_NAMES and not _OF_DATA & set(before) else None


def _whole(text: str) -> int | None:
    return int(float(text)) if _WHOLE.fullmatch(text) else None
