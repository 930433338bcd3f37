"""The result of a replay, and of one under an edited program, as JSON and in lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from planner.language.program import Program
from planner.replay.differences import Difference
from planner.replay.edited_program import Cost, PathComparison, PhaseComparison, WhatIf
from planner.replay.replay import Replayed


@dataclass(frozen=True)
class ReplayReport:
    """The result of replaying a program.

    Attributes:
        replayed: one for each verdict and decision that can be read, in order.
        copies: where the journal's and MLflow's copies of a record differ.
        pending: ids of records that MLflow does not hold yet.
        elsewhere: ids of records that this journal does not hold.
    """

    program: Program
    replayed: Sequence[Replayed]
    copies: Sequence[Difference] = ()
    pending: Sequence[str] = ()
    elsewhere: Sequence[str] = ()

    @property
    def differences(self) -> list[tuple[Difference, list[str]]]:
        """Every difference once, with the ids of the records that do not come out because of it."""
        grouped: list[tuple[Difference, list[str]]] = []
        pairs = [(one, d) for one in self.replayed for d in one.differences]
        for record, difference in [*((None, d) for d in self.copies), *pairs]:
            touched = next((ids for other, ids in grouped if other == difference), None)
            if touched is None:
                touched = []
                grouped.append((difference, touched))
            touched += [record.id] if record is not None else []
        return grouped

    @property
    def ok(self) -> bool:
        """Whether everything that can be derived again came out byte for byte, in both copies."""
        return not self.copies and all(one.equal or one.older for one in self.replayed)

    def count(self, kind: str) -> dict[str, int]:
        """How many records of a kind there are, came out, did not, and cannot be derived again."""
        altered = {difference.id for difference in self.copies}
        mine = [one for one in self.replayed if one.kind == kind]
        equal = sum(one.equal and one.id not in altered for one in mine)
        older = sum(one.older for one in mine)
        counts = {"recorded": len(mine), "equal": equal, "differ": len(mine) - equal - older}
        return {**counts, "older": older}


def as_json(outcome: ReplayReport) -> dict[str, Any]:
    """The reply of ``replay --json``."""
    return {
        "schema": "phasegate.replay/1",
        "program": outcome.program.program,
        "ok": outcome.ok,
        "decisions": outcome.count("decision"),
        "verdicts": outcome.count("verdict"),
        "differences": [
            {**difference.model_dump(mode="json"), "records": records}
            for difference, records in outcome.differences
        ],
        "records": [
            one.model_dump(mode="json", exclude={"differences", "position"}) for one in outcome.replayed
        ],
        "pending": list(outcome.pending),
        "elsewhere": list(outcome.elsewhere),
    }


def as_lines(outcome: ReplayReport) -> list[str]:
    """The same for a person: what came out, then each difference."""
    name, decisions, verdicts = outcome.program.program, outcome.count("decision"), outcome.count("verdict")
    if not outcome.replayed and not outcome.copies:
        return [f"{name}: nothing is on record yet"]
    summary = " and ".join(
        f"{count['equal']} of {count['recorded']} {what}"
        for what, count in (("decisions", decisions), ("verdicts", verdicts))
    )
    lines = [f"{name}: {summary} come out of MLflow and the program byte for byte"]
    older = decisions["older"] + verdicts["older"]
    if older:
        how = "by its rules or in its form"
        lines.append(f"  {older} were written by an earlier version, {how}, and are not derived again")
    for ids, where in ((outcome.pending, "MLflow"), (outcome.elsewhere, "the journal")):
        if ids:
            lines.append(f"  {len(ids)} are not in {where} yet; the next advance writes them there")
    for difference, records in outcome.differences:
        beside = [record for record in records if record != difference.id]
        because = f" (so {', '.join(beside)} come out otherwise)" if beside else ""
        lines.append(f"{difference.kind} {difference.id}: {difference.what}{because}")
    return lines


# --- under an edited program -------------------------------------------------------------------


def what_if_json(program: str, rules: str, comparison: WhatIf) -> dict[str, Any]:
    """The reply of ``replay --rules FILE --json``."""
    heading = {"schema": "phasegate.replay/1", "program": program, "rules": rules}
    return {**heading, **comparison.model_dump(mode="json", by_alias=True)}


def what_if_lines(program: str, rules: str, comparison: WhatIf) -> list[str]:
    """The same for a person: the decisions that change, then each path."""
    if not comparison.paths:
        return [f"{program}: nothing is on record yet"]
    moved = [one for one in comparison.decisions if one.field]
    lines = [f"{program} under {rules}: {len(moved)} of {len(comparison.decisions)} decisions would change"]
    lines += [f"  {one}" for one in moved]
    for path in comparison.paths:
        lines += _path_lines(path)
    return lines


def _path_lines(path: PathComparison) -> list[str]:
    lines = [f"the whole way at {path.fidelity or 'the fidelity of each phase'}:"]
    moved = [one for one in path.phases if one.differs]
    lines += [f"  {_phase_line(one, path.open_at)}" for one in moved]
    lines += [] if moved else ["  every phase ends as it did"]
    if path.open_at is not None:
        lines.append(f"  it asks for runs of {path.open_at} that nobody has made; what follows is unknown")
    if path.refused_at is not None:
        lines.append(f"  it refuses to run {path.refused_at}: a threshold lies under the noise floor")
    return [*lines, f"  in all: {_cost(path.total)}"]


def _phase_line(one: PhaseComparison, open_at: str | None) -> str:
    unknown = "not known" if open_at is not None else "not reached"
    was = str(one.recorded or "not reached")
    would_be = "open" if one.phase == open_at else str(one.edited or unknown)
    same = one.recorded is not None and one.recorded == one.edited
    return f"{one.phase}: {was if same else f'{was} -> {would_be}'}; {_cost(one.cost)}"


def _cost(cost: Cost) -> str:
    text = f"{cost.before} runs -> {cost.after}"
    text += f", {cost.saved} saved ({cost.seconds_saved:.0f} s)" if cost.saved else ""
    unmade = f", {cost.unmade} of them never made" if cost.unmade else ""
    return text + (f", {cost.added} added (about {cost.seconds_added:.0f} s{unmade})" if cost.added else "")
