"""A program's rules on a table of runs: the verdict of a phase, and what would come next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from planner.api.situations import situation_of_table, table_evidence
from planner.deciding.situation import Plan
from planner.deciding.walk import build_plan
from planner.errors import UsageError
from planner.judging.verdict import build_test_design, judge_phase
from planner.language.program import Program
from planner.language.suggestions import instead
from planner.language.types import Fidelity
from planner.records.verdict import Verdict


# Positional-only, so that a later version can also take a store or a table of its own as what is judged.
def judge(
    program: Program,
    table: object,
    /,
    *,
    phase: str | None = None,
    fidelity: str | None = None,
    earlier: Iterable[Verdict] = (),
) -> Verdict:
    """The verdict of a phase on a table of runs: what ``advance --no-run`` would say of them.

    Nothing is read, written or remembered, so nothing is post hoc. What the table does not hold (parameters,
    a dataset's digest) gives a caveat, and the verdict is provisional at best.

    Args:
        program: from :func:`load_program`.
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

    Returns:
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
    """
    checked_fidelity(fidelity)
    evidence = table_evidence(as_program(program), table, phase, fidelity)
    design = build_test_design(program, evidence.phase, evidence.fidelity, final=True)
    return judge_phase(program, evidence.phase, evidence, design, {v.phase: v for v in earlier})


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
