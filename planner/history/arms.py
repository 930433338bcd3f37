"""Which runs belong to one arm: those that are equal in all that tells arms apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from planner.errors import OptionError
from planner.evidence.values import as_text
from planner.history.logged_run import LoggedRun
from planner.history.seeds import is_seed_name
from planner.language.suggestions import instead

ALL_BUT_SEED = "all-but-seed"
Params = tuple[tuple[str, str | None], ...]
_OF_THE_RUN = frozenset(
    [
        "output_dir",
        "out_dir",
        "save_dir",
        "log_dir",
        "logdir",
        "logging_dir",
        "checkpoint_dir",
        "ckpt_dir",
        "work_dir",
        "workdir",
        "run_dir",
        "exp_dir",
        "result_dir",
        "results_dir",
        "output_path",
        "save_path",
        "log_path",
        "run_name",
        "run_id",
        "exp_name",
        "experiment_name",
        "job_name",
        "job_id",
        "jobid",
        "slurm_job_id",
        "trial_id",
        "trial_name",
        "host",
        "hostname",
        "node",
        "nodename",
        "user",
        "username",
        "pid",
        "port",
        "master_port",
        "uuid",
        "timestamp",
        "start_time",
        "started",
        "started_at",
        "date",
        "datetime",
        "created",
        "local_rank",
        "cuda_visible_devices",
        "gpu_id",
        "device_id",
    ]
)
"""Last parts of names of what a run is called, where it wrote and where it ran: none was tried."""


@dataclass(frozen=True)
class Arm:
    """Runs that differ in nothing that tells arms apart.

    Attributes:
        params: name -> value, in the order in which arms are told apart; None where a run did not log it.
    """

    name: str
    params: Mapping[str, str | None]
    runs: tuple[LoggedRun, ...] = field(repr=False, default=())


def group(
    runs: Sequence[LoggedRun], arms_by: Sequence[str], seed_param: str | None, seeds: Mapping[str, int]
) -> list[Arm]:
    """The arms of a history, in the order in which their first runs lie in the store.

    Args:
        arms_by: parameters (``tags.NAME`` and ``experiment`` too), or ``all-but-seed``.
        seed_param: the one that seeds were read from.
        seeds: run id -> seed.

    Raises:
        UsageError: no run has one of the parameters.
    """
    names = _all_but_seed(runs, seed_param, seeds) if list(arms_by) == [ALL_BUT_SEED] else list(arms_by)
    _refuse_unknown(runs, names)
    members: dict[Params, list[LoggedRun]] = {}
    for run in runs:
        key = tuple((name, value_of(run, name)) for name in names)
        members.setdefault(key, []).append(run)
    varying = [i for i in range(len(names)) if len({key[i][1] for key in members}) > 1]
    named = [Arm(_name(key, varying), dict(key), tuple(group)) for key, group in members.items()]
    return _each_by_another_name(named)


def _each_by_another_name(arms: Sequence[Arm]) -> list[Arm]:
    """The arms; of two whose values read alike (``b=2`` within a value of ``a``) the second says so."""
    taken: Counter[str] = Counter()
    apart = []
    for arm in arms:
        taken[arm.name] += 1
        apart.append(arm if taken[arm.name] == 1 else replace(arm, name=f"{arm.name} ({taken[arm.name]})"))
    return apart


def value_of(run: LoggedRun, name: str) -> str | None:
    """What a run holds of a parameter, as text that compares; None where it holds nothing.

    Args:
        name: a parameter's, ``tags.NAME``, ``experiment`` or ``run_name``.
    """
    if name in run.params:
        return as_text(run.params[name])
    if name.startswith("tags."):
        return run.tags.get(name.removeprefix("tags."))
    plain = name.removeprefix("params.")
    if plain in run.params:
        return as_text(run.params[plain])
    return {"experiment": run.experiment, "run_name": run.name}.get(name) or run.tags.get(plain)


def _name(key: Params, varying: Sequence[int]) -> str:
    """What an arm is called: where it differs from others; ``all runs`` where there is one arm."""
    shown = [key[i] for i in varying or range(len(key))]
    parts = [
        f"{name}={'(not logged)' if value is None else ' '.join(value.split())}" for name, value in shown
    ]
    return ", ".join(parts) or "all runs"


def _refuse_unknown(runs: Sequence[LoggedRun], names: Sequence[str]) -> None:
    for name in names:
        if not any(value_of(run, name) is not None for run in runs):
            held = Counter(param for run in runs for param in run.params)
            raise OptionError("arms-by", f"no run has a parameter '{name}'{instead(name, held)}")


def _all_but_seed(runs: Sequence[LoggedRun], seed_param: str | None, seeds: Mapping[str, int]) -> list[str]:
    """Every parameter in which runs differ, but seeds and what names a run or where it wrote."""
    values: dict[str, Counter[str]] = {}
    for run in runs:
        for name, value in run.params.items():
            values.setdefault(name, Counter())[as_text(value)] += 1
    names = [name for name in values if name != seed_param and not is_seed_name(name)]
    differing = [n for n in names if len(values[n]) > 1 or values[n].total() < len(runs)]
    odd = [name for name in differing if is_of_the_run(name) or _is_of_each_run(values[name])]
    if _tells_apart(runs, [name for name in differing if name not in odd], seeds):
        odd = [] if seeds else [name for name in odd if is_of_the_run(name)]
    return [name for name in differing if name not in odd]


def is_of_the_run(name: str) -> bool:
    """Whether a parameter's name says what a run is called, where it wrote or where it ran."""
    return re.split(r"[./:\s]+", name.strip().lower().replace("-", "_"))[-1] in _OF_THE_RUN


def _is_of_each_run(values: Counter[str]) -> bool:
    """Whether a text, no number, is another one in each run, as the name of a file is."""
    return len(values) == values.total() and not any(re.fullmatch(r"[+-]?[\d.]+.{0,6}", v) for v in values)


def _tells_apart(runs: Sequence[LoggedRun], settings: Sequence[str], seeds: Mapping[str, int]) -> bool:
    """Whether arms told apart by these alone have two runs of one seed; without seeds nobody knows."""
    seen = set()
    for run in runs:
        key = (*(value_of(run, name) for name in settings), seeds.get(run.id))
        if key in seen or run.id not in seeds:
            return True
        seen.add(key)
    return False


def find_arm(arms: Sequence[Arm], text: str) -> Arm:
    """The arm that ``name=value,name=value`` describes, or that has this name.

    Raises:
        UsageError: none has, or several have.
    """
    exact = [arm for arm in arms if arm.name == text]
    wanted = dict(part.strip().partition("=")[::2] for part in text.split(",")) if "=" in text else {}
    matching = exact or [arm for arm in arms if wanted and _fits(arm, wanted)]
    matching = matching or [arm for arm in arms if not wanted and text in arm.params.values()]
    if len(matching) != 1:
        names = [arm.name for arm in arms]
        what = "no arm is" if not matching else f"{len(matching)} arms are"
        listed = "; ".join(names[:8]) + ("; ..." if len(names) > 8 else "")
        raise OptionError("baseline", f"{what} '{text}'; there are: {listed}")
    return matching[0]


def _fits(arm: Arm, wanted: Mapping[str, str]) -> bool:
    named = {name.removeprefix("params."): value for name, value in arm.params.items()}
    return all(
        named.get(name.strip().removeprefix("params.")) == as_text(value.strip())
        for name, value in wanted.items()
    )
