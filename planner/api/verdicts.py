"""A program's rules on a table of runs: the verdict of a phase, and what would come next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, get_args, overload

from planner.api.histories import judge_runs
from planner.api.report import Report
from planner.api.situations import situation_of_table, table_evidence
from planner.deciding.situation import Plan
from planner.deciding.walk import build_plan
from planner.errors import UsageError
from planner.history.arms import ALL_BUT_SEED
from planner.history.question import Better
from planner.judging.verdict import build_test_design, judge_phase
from planner.language.program import Program
from planner.language.suggestions import instead
from planner.language.types import Fidelity
from planner.records.verdict import Verdict


@overload
def judge(
    program: Program,
    table: object,
    /,
    *,
    phase: str | None = None,
    fidelity: str | None = None,
    earlier: Iterable[Verdict] = (),
) -> Verdict: ...


@overload
def judge(
    runs: object = None,
    /,
    *,
    metric: str,
    arms_by: str | Sequence[str] = ALL_BUT_SEED,
    baseline: str = "best",
    better: Better | None = None,
    min_effect: float | None = None,
    experiments: Sequence[str] = (),
    where: str = "",
    seed_from: str | None = None,
    at: str = "last",
    alpha: float = 0.05,
) -> Report: ...


def judge(
    program: object = None,
    table: object = None,
    /,
    *,
    phase: str | None = None,
    fidelity: str | None = None,
    earlier: Iterable[Verdict] = (),
    metric: str | None = None,
    **options: Any,
) -> Verdict | Report:
    """The verdict of a phase on a table of runs; with ``metric``, which arm of a history is better.

    With a program, what ``advance --no-run`` would say of these runs: nothing is read, written or remembered,
    so nothing is post hoc. What the table does not hold (parameters, a dataset's digest) gives a caveat, and
    the verdict is provisional at best.

    Without one, what the command ``judge`` says: ``planner.judge("mlruns", metric="val/acc", arms_by="lr")``
    takes an MLflow address, database or folder, a table in a file, or a table as below, whose columns are
    parameters and metrics of any name.

    Args:
        program: from :func:`load_program`; or a store or a table, where ``metric`` is given.
        table: the runs: a DataFrame (pandas, polars, Arrow), a list of mappings, or a mapping of columns.

            - wide: one row per run, with the columns ``arm``, ``seed`` and one per metric, each value in
              the unit that the program declares;
            - long: one row per value, with ``arm``, ``seed``, ``metric`` and ``value``.

            Both may have ``step`` (a whole number; the value at the highest step is the final one),
            ``phase``, ``fidelity``, ``outcome`` (default ``ok``), ``params.NAME`` or ``params`` (a mapping),
            ``data_digest``, ``code_digest``, ``device``, ``overlap`` (a share in [0, 1]), ``seconds``,
            ``run_id``. Other columns are left alone. Rows are counted from 0 in messages.
        phase: which phase is judged; it may be left out where the rows can be of one only.
        fidelity: ``smoke``, ``standard`` or ``full``; default: the phase's own. Rows that name none count.
        earlier: verdicts of other phases, where this one's rules refer to them.
        metric: judge a history by this metric, without a program. Then ``arms_by``, ``baseline``,
            ``better``, ``min_effect``, ``experiments``, ``where``, ``seed_from``, ``at`` and ``alpha`` are
            what ``phasegate judge`` takes.

    Returns:
        Of a history a :class:`Report`, whose ``data`` is what ``judge --json`` gives. Else the verdict.

        The verdict: ``outcome``, ``confidence``, ``criteria``, ``guards``, ``claims``, ``caveats`` and more.
        A value that is NaN or infinite, or is not there, never passes and never fails: where the gate
        requires it, the outcome is ``invalid``.

    Raises:
        UsageError: a column, arm, phase, fidelity or seed that is unknown or of the wrong type, a run that
            is there twice, or a table without a row of the phase; the sentence says what would be right.

    Example:
        >>> import planner
        >>> from planner.testing import example_program
        >>> table = {
        ...     "arm": ["plain", "plain", "plain", "dropout", "dropout", "dropout"],
        ...     "seed": [0, 1, 2, 0, 1, 2],
        ...     "val_accuracy": [0.90, 0.91, 0.92, 0.95, 0.961, 0.97],
        ... }
        >>> verdict = planner.judge(example_program(), table)
        >>> verdict.outcome, verdict.confidence
        ('pass', 'provisional')

        >>> runs = [
        ...     {"optimizer": name, "seed": seed, "val/acc": value}
        ...     for name, values in (("adam", (0.91, 0.92, 0.90, 0.93)), ("sgd", (0.81, 0.83, 0.80, 0.82)))
        ...     for seed, value in enumerate(values)
        ... ]
        >>> report = planner.judge(runs, metric="val/acc", arms_by="optimizer", baseline="optimizer=sgd")
        >>> [(arm["name"], arm["answer"]) for arm in report["arms"]]
        [('optimizer=adam', 'better'), ('optimizer=sgd', 'baseline')]
    """
    if metric is not None:
        if table is not None or isinstance(program, Program):
            raise UsageError("judge takes a program with a table, or runs with a metric, not both")
        return judge_runs(program, metric, **options)
    if options:
        raise UsageError(f"judge takes {next(iter(options))} where it is given a metric and no program")
    checked_fidelity(fidelity)
    rules = as_program(program)
    evidence = table_evidence(rules, table, phase, fidelity)
    design = build_test_design(rules, evidence.phase, evidence.fidelity, final=True)
    return judge_phase(rules, evidence.phase, evidence, design, {v.phase: v for v in earlier})


def plan(program: Program, table: object | None = None, /, *, fidelity: str | None = None) -> Plan:
    """What would come next if the runs of a table were all there is: what ``advance`` would do.

    Args:
        program: from :func:`load_program`.
        table: runs as :func:`judge` takes them; None where nothing has been run yet. Rows without a phase
            count for every phase that has their arm.
        fidelity: the rung to work on; default: each phase's own.

    Returns:
        The plan: ``steps`` (each a ``verdict`` and the ``decision`` after it), ``state`` (``ready``,
        ``waiting``, ``blocked`` or ``done``), ``phase`` (where the program stands), ``launch`` (the runs to
        be made now) and ``next`` (the decision that says so).

    Raises:
        UsageError: as :func:`judge`.

    Example:
        >>> import planner
        >>> from planner.testing import example_program
        >>> ahead = planner.plan(example_program())
        >>> ahead.state, ahead.phase, [(run.arm, run.seed) for run in ahead.launch[:2]]
        ('ready', 'first_look', [('plain', 0), ('dropout', 0)])
    """
    checked_fidelity(fidelity)
    return build_plan(situation_of_table(as_program(program), table, fidelity, no_run=False))


def as_program(value: object) -> Program:
    """The value, if it is a program.

    Raises:
        UsageError: it is something else.
    """
    if isinstance(value, Program):
        return value
    raise UsageError(
        f"this takes a program first, as planner.load_program gives it, not {type(value).__name__}"
    )


def checked_fidelity(fidelity: str | None) -> None:
    """Refuses what is no fidelity.

    Raises:
        UsageError: there is no such fidelity.
    """
    if fidelity is not None and fidelity not in get_args(Fidelity):
        raise UsageError(f"there is no fidelity '{fidelity}'{instead(fidelity, get_args(Fidelity))}")
