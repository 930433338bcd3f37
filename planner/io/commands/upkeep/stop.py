"""``stop``: ends an ``advance`` that is at work elsewhere on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from planner.errors import ProgramBusy
from planner.io.commands.open_home import open_program
from planner.io.commands.replies.result import CommandResult, joined
from planner.io.journal.journal import Journal
from planner.io.journal.work import Work
from planner.io.leases.program_lock import Holder, holder_of
from planner.io.leases.reaper import unsettled
from planner.io.leases.stopping import end_planner
from planner.io.leases.store_lease import held_elsewhere
from planner.io.system.clock import SystemClock
from planner.paths import Home

if TYPE_CHECKING:
    from planner.io.commands.replies.base import Reply


def answer_stop(home: Home, name: str) -> CommandResult:
    """Ends the ``advance`` that holds a program, as Ctrl-C would, and says what became of its runs.

    Raises:
        UsageError: there is no such program.
        ProgramBusy: whoever holds the program is no ``advance`` of this home on this machine.

    Side effects: a signal to that process, and what it does then.
    """
    open_program(home, name)
    planner = planner_to_stop(home, name)
    if planner is None:
        return _result(name, None, [])
    journal = Journal(home.journal)
    begun = unsettled(journal, name)
    end_planner(planner)
    now = {(work.fingerprint, work.attempt): work for work in journal.work(name)}
    return _result(name, planner, [now.get((work.fingerprint, work.attempt), work) for work in begun])


def planner_to_stop(home: Home, name: str) -> Holder | None:
    """This home's own ``advance`` of a program; None where nobody holds the program.

    Raises:
        ProgramBusy: somebody holds it who is not to be stopped from here.
    """
    holder = holder_of(home, name)
    if holder is None:
        elsewhere = held_elsewhere(home, name, SystemClock())
        if elsewhere is not None:
            raise ProgramBusy(elsewhere, f"stop it there, with 'phasegate stop {name}' in that home")
        return None
    if not holder.is_here:
        raise ProgramBusy(f"{name} is held by {holder}", f"run 'phasegate stop {name}' on {holder.host}")
    if holder.works_on != str(home.root.resolve()):
        where = f"the home {holder.works_on}" if holder.works_on else "a home that it does not name"
        raise ProgramBusy(
            f"{name} is held by {holder}, which works on {where}",
            f"stop it there, with 'phasegate stop {name}' in that home",
        )
    if holder.command != "advance":
        raise ProgramBusy(f"{name} is held by '{holder.command}' ({holder})", "let it come to its end")
    return holder


def _outcome(work: Work) -> str | None:
    """What a run ended in; None where it is left to the next ``advance``."""
    return "killed" if work.state == "abandoned" else work.outcome


def _result(name: str, planner: Holder | None, runs: Sequence[Work]) -> CommandResult:
    def reply() -> Reply:
        from planner.io.commands.replies.upkeep import StoppedRunJson, StopReply

        rows = [
            StoppedRunJson(
                phase=str(work.planned.get("phase")),
                arm=str(work.planned.get("arm")),
                seed=seed if isinstance(seed := work.planned.get("seed"), int) and seed >= 0 else 0,
                run_id=work.mlflow_run,
                outcome=_outcome(work),
            )
            for work in runs
        ]
        return StopReply(
            program=name,
            stopped=planner is not None,
            pid=planner.pid if planner is not None else None,
            since=planner.since if planner is not None else None,
            runs=tuple(rows),
        )

    return CommandResult(reply, lambda: joined(_lines(name, planner, runs)))


def _lines(name: str, planner: Holder | None, runs: Sequence[Work]) -> list[str]:
    if planner is None:
        return [f"no advance of {name} is at work"]
    return [
        f"stopped the advance of {name} ({planner}); what is finished is kept",
        *(f"  {_run(work)}: {_became(work)}" for work in runs),
        f"go on with: phasegate advance {name}",
    ]


def _run(work: Work) -> str:
    planned = work.planned
    return f"{planned.get('phase')} · {planned.get('arm')} · seed {planned.get('seed')}"


def _became(work: Work) -> str:
    outcome = _outcome(work)
    if outcome is None:
        return "the next advance settles it"
    return "cut off, to be made again" if outcome == "killed" else f"finished, {outcome}"
