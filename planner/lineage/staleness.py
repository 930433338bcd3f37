"""What no longer stands: superseded verdicts, and what rested on them or on what has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from planner.judging.rules_digest import rules_digest
from planner.language.program import Program
from planner.records.verdict import ClaimResult, Verdict


@dataclass(frozen=True)
class Validity:
    """How the verdicts of a program stand today.

    Attributes:
        superseded_by: phase -> the phase whose verdict replaced its own.
        stale: phase -> why its verdict no longer follows from what is there.
        changed: the stale phases that have to be judged again, because what they were judged on is
            no longer so; the others rest on one of these, or on a superseded verdict.
    """

    superseded_by: Mapping[str, str] = field(default_factory=dict)
    stale: Mapping[str, str] = field(default_factory=dict)
    changed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Data:
    """The data on which a phase's arms would be run today.

    Attributes:
        fidelity: at which they would be run.
        digests: of each of them.
        changed_files: files that are not what they were when their digests were taken.
    """

    fidelity: str
    digests: frozenset[str]
    changed_files: tuple[str, ...] = ()

    def why_changed(self, verdict: Verdict) -> str:
        """Why a verdict's data are not today's; empty where they are."""
        if self.fidelity != verdict.fidelity:
            return ""
        if self.changed_files and verdict.data_digests:
            return f"the data have changed: {', '.join(self.changed_files)}"
        return "" if set(verdict.data_digests) <= self.digests else "the data have changed"


def build_validity(
    program: Program,
    verdicts: Mapping[str, Verdict],
    code: str | None = None,
    accepted: frozenset[str] = frozenset(),
    opened_by: Mapping[str, str] | None = None,
    disputed: Mapping[str, str] | None = None,
    data: Mapping[str, Data] | None = None,
) -> Validity:
    """Which verdicts are superseded, and which are stale and why.

    Args:
        verdicts: the latest verdict of each phase.
        code: digest of the experiment's code today; None leaves code out.
        accepted: digests of earlier code that a person declared equal to it.
        opened_by: phase -> the phase whose decision opened it.
        disputed: phase -> why its evidence is no longer what it was.
        data: phase -> the data of its arms today; a phase of which nothing is known is left out.
    """
    superseded = dict(_superseded(program, verdicts))
    stale: dict[str, str] = {}
    for phase, verdict in verdicts.items():
        if phase not in program.phases:
            stale[phase] = "the phase is no longer in the program"
        elif verdict.rules_digest != rules_digest(program, phase):
            stale[phase] = "the rules of the phase have changed"
        elif code and not set(verdict.code_digests) <= {code, *accepted}:
            stale[phase] = "the code of the experiment has changed"
        elif disputed and phase in disputed:
            stale[phase] = disputed[phase]
        elif data and phase in data and (why := data[phase].why_changed(verdict)):
            stale[phase] = why
    changed = frozenset(stale)
    rests_on = {p: {*v.rests_on, (opened_by or {}).get(p, "")} for p, v in verdicts.items()}
    for loser, winner in superseded.items():
        _spread(loser, f"{loser}, which {winner} supersedes", rests_on, {winner, loser}, stale)
    for root in sorted(changed):
        _spread(root, f"{root}, which is stale", rests_on, {root}, stale)
    return Validity(superseded, stale, changed)


def _superseded(program: Program, verdicts: Mapping[str, Verdict]) -> list[tuple[str, str]]:
    pairs = []
    for phase, verdict in verdicts.items():
        rule = program.phases[phase].supersedes if phase in program.phases else None
        if rule is None or verdict.outcome not in ("pass", "fail") or rule.phase not in verdicts:
            continue
        if rule.case is None or verdicts[rule.phase].case == rule.case:
            pairs.append((rule.phase, phase))
    return pairs


def _spread(
    root: str, why: str, rests_on: Mapping[str, set[str]], spared: set[str], stale: dict[str, str]
) -> None:
    """Marks what rests on ``root``, directly or through others, each with the path to it.

    What is spared stops the spread.
    """
    todo = [(root, why)]
    while todo:
        base, path = todo.pop(0)
        for phase, grounds in rests_on.items():
            if base in grounds and phase not in spared and phase not in stale:
                stale[phase] = f"it rests on {path}"
                todo.append((phase, f"{phase}, which rests on {path}"))


def claims_today(verdicts: Mapping[str, Verdict], validity: Validity) -> list[ClaimResult]:
    """Every claim with its status today: superseded or stale where its phase is."""
    claims = []
    for phase, verdict in verdicts.items():
        for claim in verdict.claims:
            caveats = list(claim.caveats)
            if verdict.confidence == "provisional" and claim.status != "not_verified":
                seeds = f"{verdict.seeds} seed{'' if verdict.seeds == 1 else 's'}"
                caveats.append(f"provisional, as the verdict of {phase} is ({seeds})")
            update: dict[str, object] = {"caveats": tuple(caveats)}
            if phase in validity.superseded_by:
                update["status"] = "superseded"
                update["caveats"] = (f"superseded by {validity.superseded_by[phase]}", *caveats)
            elif phase in validity.stale:
                update["status"] = "stale"
                update["caveats"] = (f"stale: {validity.stale[phase]}", *caveats)
            claims.append(claim.model_copy(update=update))
    return claims
