"""Scores overrides by later evidence: each was right, was wrong, or is open, and why.

The rules are in ``docs/cli.md``. Only verdicts that were recorded after an override can settle it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, get_args

from planner.criteria.judge import result_from
from planner.deciding.triage import choices
from planner.language.program import Option, Program
from planner.language.transitions import openers
from planner.language.types import Fidelity
from planner.records.decision import Decision, Due
from planner.records.journal_entry import AnyEntry, JournalEntry, R, entries_of
from planner.records.person import Override
from planner.records.verdict import Verdict
from planner.scoring.override_score import Result, Score, contradiction
from planner.text.numbers import words

RUNGS = get_args(Fidelity)
NOT_FOLLOWED = "no decision has followed it"


def score_overrides(program: Program, entries: Sequence[AnyEntry]) -> dict[str, Score]:
    """The score of every override: id -> score.

    Args:
        entries: those of a journal, oldest first.
    """
    overrides = entries_of(entries, Override)
    return {e.record.id: _OverrideScorer(program, entries, e).score() for e in overrides}


class Settlement(NamedTuple):
    """What came of an override, the evidence in words, and the verdicts that it names."""

    result: Result
    evidence: str
    verdicts: tuple[Verdict, ...] = ()


@dataclass(frozen=True)
class _OverrideScorer:
    """One override, and what was recorded before and after it."""

    program: Program
    entries: Sequence[AnyEntry]
    entry: JournalEntry[Override]

    @property
    def override(self) -> Override:
        return self.entry.record

    def score(self) -> Score:
        override, about = self.override, self._contradicted()
        followed = self._followed()
        answer = self._answer(about, followed)
        harmless = override.done is not None or override.verdict == "accept"
        return Score(
            result=answer.result,
            evidence=answer.evidence,
            verdict_ids=tuple(verdict.id for verdict in answer.verdicts),
            agreed=harmless or (override.choose is not None and override.choose == override.recommended),
            followed=followed is not None,
            warning=contradiction(self.program, override, about) if about is not None else "",
        )

    def _answer(self, about: Verdict | None, followed: Decision | None) -> Settlement:
        override = self.override
        if override.phase not in self.program.phases:
            return Settlement("open", f"the program no longer has '{override.phase}'")
        if override.verdict is not None:
            return self._of_verdict(about)
        if followed is None:
            return Settlement("open", NOT_FOLLOWED)
        if override.done is not None:
            return self._of_deed(followed)
        return self._of_stop() if override.choose == "stop" else self._of_choice(followed)

    # --- what was recorded ---------------------------------------------------------------------

    def _later(self, kind: type[R]) -> Iterator[R]:
        """The records of a kind that came after the override, oldest first."""
        for entry in entries_of(self.entries, kind):
            if entry.position > self.entry.position:
                yield entry.record

    def _contradicted(self) -> Verdict | None:
        """The verdict behind the decision that the override contradicts; else the phase's last before it."""
        by_id = {e.record.id: e.record for e in self.entries}
        decision = by_id.get(self.override.contradicts or "")
        verdict = by_id.get(decision.verdict_id or "") if isinstance(decision, Decision) else None
        if isinstance(verdict, Verdict):
            return verdict
        before = [e.record for e in self.entries if e.position < self.entry.position]
        mine = [r for r in before if isinstance(r, Verdict) and r.phase == self.override.phase]
        return mine[-1] if mine else None

    def _followed(self) -> Decision | None:
        """The last decision that followed the override."""
        decisions = [d for d in self._later(Decision) if self.override.id in d.override_ids]
        return decisions[-1] if decisions else None

    def _judged(self, phase: str | None, above: str) -> Verdict | None:
        """The last later verdict of a phase at its highest fidelity, which counts beside ``above``."""
        own = self.program.phases[phase].fidelity if phase in self.program.phases else above
        least = min(RUNGS.index(above), RUNGS.index(own))
        verdicts = [v for v in self._later(Verdict) if v.phase == phase and _rung(v) >= least]
        return max(verdicts, key=_rung_and_order(verdicts), default=None)

    # --- choices -------------------------------------------------------------------------------

    def _of_choice(self, followed: Decision) -> Settlement:
        chosen = self._judged(followed.target, followed.fidelity)
        if chosen is None:
            return Settlement("open", f"'{followed.target}', which it opened, has not been judged")
        holder = followed.rule.holder or self.override.phase
        good, why = self._came_good(chosen, self._option(self.override.choose or "", holder))
        other = self._recommended(followed.fidelity)
        evidence = f"chosen '{self.override.choose}': {why}"
        if other is None or other.phase == chosen.phase:
            return Settlement(_result(good), evidence, (chosen,))
        _, its = self._came_good(other, self._option(self.override.recommended or "", holder))
        evidence += f"; recommended '{self.override.recommended}': {its}"
        return Settlement(_result(good), evidence, (chosen, other))

    def _of_stop(self) -> Settlement:
        """To stop was right where what the rules recommend failed all the same, later."""
        if self.override.recommended == "stop":
            return Settlement("open", "the rules recommend to stop as well, so nothing can come of it")
        other = self._recommended("smoke")
        if other is None:
            return Settlement(
                "open", f"what the rules recommend ('{self.override.recommended}') has not been judged"
            )
        good, why = self._came_good(other, self._option(self.override.recommended or "", self.override.phase))
        stopped = None if good is None else not good
        return Settlement(_result(stopped), f"recommended '{self.override.recommended}': {why}", (other,))

    def _recommended(self, above: str) -> Verdict | None:
        """The later verdict of the phase that the recommendation would have opened."""
        opens = choices(self.program, self.override.phase, self._due())
        return self._judged(opens.get(self.override.recommended or ""), above)

    def _due(self) -> Sequence[Due]:
        about = [e.record for e in self.entries if e.record.id == self.override.contradicts]
        return about[0].due if about and isinstance(about[0], Decision) else ()

    def _option(self, name: str, holder: str) -> Option | None:
        """The option of that name in the triage that offers it."""
        for phase in (holder, self.override.phase, *openers(self.program, self.override.phase)):
            triage = self.program.phases[phase].triage if phase in self.program.phases else None
            for option in triage.options if triage else ():
                if option.option == name:
                    return option
        return None

    def _came_good(self, verdict: Verdict, option: Option | None) -> tuple[bool | None, str]:
        """Whether a choice did what was hoped of it: its ``expects``, or without them its gate."""
        if verdict.outcome in ("invalid", "blocked"):
            return None, _verdict_text(verdict)
        expects = option.expects if option is not None and option.opens == verdict.phase else []
        if not expects:
            return {"pass": True, "fail": False}.get(verdict.outcome), _verdict_text(verdict)
        others = {v.phase: v for v in self._later(Verdict)}
        own = {c.id: c for c in verdict.criteria}
        outcomes = {name: result_from(name, own, others).outcome for name in expects}
        shown = ", ".join(f"{name} {words(outcome)}" for name, outcome in outcomes.items())
        good = True if set(outcomes.values()) == {"met"} else None
        good = False if "not_met" in outcomes.values() else good
        return good, f"{_verdict_text(verdict)}, expected {shown}"

    # --- verdicts and deeds --------------------------------------------------------------------

    def _of_verdict(self, about: Verdict | None) -> Settlement:
        """To accept is right where the outcome came again; to reject is right where another came."""
        if about is None:
            return Settlement("open", "the verdict that it is about is not on record")
        settling = self._superseding(about) or self._confirming(about)
        if settling is None:
            subject = _verdict_text(about)
            return Settlement(
                "open", f"no later verdict on more evidence is confirmed; it is about {subject}"
            )
        same = settling.outcome == about.outcome
        said = "accepted" if self.override.verdict == "accept" else "rejected"
        evidence = f"{said} {_verdict_text(about)}; later {_verdict_text(settling)}"
        return Settlement(_result(same == (self.override.verdict == "accept")), evidence, (settling,))

    def _superseding(self, about: Verdict) -> Verdict | None:
        """The later verdict of a phase that supersedes the one in question."""
        for phase, rules in self.program.phases.items():
            rule = rules.supersedes
            if rule and rule.phase == about.phase and rule.case in (None, about.case):
                later = self._judged(phase, about.fidelity)
                if later is not None and later.outcome in ("pass", "fail"):
                    return later
        return None

    def _confirming(self, about: Verdict) -> Verdict | None:
        """The later confirmed verdict of the same phase on runs that the one in question had not."""
        verdicts = [
            v
            for v in self._later(Verdict)
            if v.phase == about.phase
            and v.confidence == "confirmed"
            and v.outcome not in ("invalid", "blocked")
            and _rung(v) >= _rung(about)
            and set(v.run_ids) - set(about.run_ids)
        ]
        return max(verdicts, key=_rung_and_order(verdicts), default=None)

    def _of_deed(self, followed: Decision) -> Settlement:
        """What was done has helped where the phase that it unblocked was not blocked again."""
        after = self._judged(followed.target, followed.fidelity)
        if after is None:
            return Settlement("open", f"'{followed.target}', which it unblocked, has not been judged")
        evidence = f"done '{self.override.done}': {_verdict_text(after)}"
        return Settlement(_result(after.outcome != "blocked"), evidence, (after,))


def _result(good: bool | None) -> Result:
    return "open" if good is None else "right" if good else "wrong"


def _rung(verdict: Verdict) -> int:
    return RUNGS.index(verdict.fidelity)


def _rung_and_order(verdicts: Sequence[Verdict]) -> Any:
    order = {verdict.id: i for i, verdict in enumerate(verdicts)}
    return lambda verdict: (_rung(verdict), order[verdict.id])


def _verdict_text(verdict: Verdict) -> str:
    """``third fail, confirmed, 3 seeds (v-...)``."""
    row = [f"case {verdict.case}"] if verdict.case else [f"tier {verdict.tier}"] if verdict.tier else []
    cause = [f"cause {verdict.cause}"] if verdict.cause else []
    seeds = f"{verdict.seeds} seed{'' if verdict.seeds == 1 else 's'}"
    rung = [] if verdict.fidelity == "standard" else [verdict.fidelity]
    parts = ", ".join([verdict.outcome, *row, *cause, verdict.confidence, *rung, seeds])
    return f"{verdict.phase} {parts} ({verdict.id})"
