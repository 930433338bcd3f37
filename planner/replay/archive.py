"""Looks up what records are derived again from: the journal's entries and MLflow's finished runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property

from planner.judging.earlier_rules import by_earlier_rules
from planner.judging.looks_made import LooksMade
from planner.judging.post_hoc import SeenRuns
from planner.language.program import Program
from planner.lineage.in_force import exclusions_today, follows_verdict, past_looks, retries_asked, runs_seen
from planner.records.decision import Decision
from planner.records.journal_entry import AnyEntry, JudgedEntry, entries_of, judged_entries
from planner.records.person import Exclusion, Override, Retry
from planner.records.repeats import Repeat
from planner.records.runs import Run
from planner.records.verdict import Considered, Verdict


class Log:
    """Records and runs, to be looked up by id.

    Args:
        entries: those of a journal, oldest first.
        runs: every finished run that MLflow holds; the order does not matter.
        rules_kept: verdicts under other rules count as seen; without, it is as if today's rules had
            always been there.
        older: ids of records whose form this version no longer writes.
        repeats: of runs that were made a second time.
    """

    def __init__(
        self,
        entries: Sequence[AnyEntry],
        runs: Iterable[Run],
        rules_kept: bool = True,
        older: Collection[str] = (),
        repeats: Sequence[Repeat] = (),
    ) -> None:
        self.entries = entries
        self.repeats = repeats
        self._older = frozenset(older)
        self._rules_kept = rules_kept
        self._runs: dict[str, list[Run]] = defaultdict(list)
        for run in runs:
            self._runs[run.id].append(run)

    def is_older(self, record: Verdict | Decision) -> bool:
        """Whether an earlier version wrote it, by its rules, in its form or without what it rested on."""
        rests_on = record.false_pass if isinstance(record, Verdict) else record.inputs
        if rests_on is None or record.id in self._older:
            return True
        verdict = record if isinstance(record, Verdict) else self._judged_for(record)
        return verdict is not None and by_earlier_rules(verdict)

    def _judged_for(self, decision: Decision) -> Verdict | None:
        """The verdict that a decision follows, or that its further seeds were made for."""
        if follows_verdict(decision):
            return self.verdicts.get(decision.verdict_id or "")
        if decision.action != "add_seeds":
            return None
        return next((v for v in self.judged_near(decision) if v.phase == decision.phase), None)

    @property
    def all_runs(self) -> list[Run]:
        """Every finished run."""
        return [run for runs in self._runs.values() for run in runs]

    @cached_property
    def judged(self) -> list[JudgedEntry]:
        """The entry of every verdict and decision, each once, where it was first written."""
        first: dict[str, JudgedEntry] = {}
        for entry in judged_entries(self.entries):
            first.setdefault(entry.record.id, entry)
        return list(first.values())

    @cached_property
    def verdicts(self) -> Mapping[str, Verdict]:
        """Every verdict by id."""
        return {e.record.id: e.record for e in entries_of(self.judged, Verdict)}

    @cached_property
    def overrides(self) -> Mapping[str, Override]:
        """Every override by id."""
        return {e.record.id: e.record for e in entries_of(self.entries, Override)}

    @cached_property
    def _decided(self) -> Mapping[str, Decision]:
        """Verdict id -> the first decision after it that says what it rested on."""
        decisions: dict[str, Decision] = {}
        for record in (entry.record for entry in entries_of(self.judged, Decision)):
            if record.inputs is not None and follows_verdict(record):
                decisions.setdefault(record.verdict_id or "", record)
        return decisions

    def judged_near(self, decision: Decision) -> list[Verdict]:
        """The verdicts first written after a decision in their order, then those before it, latest first.

        Runs are launched before their verdict, so the first of these was judged under the same rules.
        """
        positioned = [(e.position, e.record) for e in self.judged if e.record.fidelity == decision.fidelity]
        here = next((position for position, record in positioned if record.id == decision.id), 0)
        judged = [(position, record) for position, record in positioned if isinstance(record, Verdict)]
        after = [record for position, record in judged if position > here]
        return [*after, *(record for position, record in reversed(judged) if position < here)]

    def before(self, entry: AnyEntry) -> Sequence[AnyEntry]:
        """What was on record when an entry was first written."""
        return [e for e in self.entries if e.position < entry.position]

    def excluded(self, entry: AnyEntry) -> Mapping[str, Exclusion]:
        """Run id -> the exclusion that stood when an entry was first written."""
        return {e.run_id: e for e in exclusions_today(self.before(entry))}

    def retried(self, entry: AnyEntry) -> Mapping[str, Retry]:
        """Run id -> the word that had it made again before an entry was first written."""
        return retries_asked(self.before(entry))

    def previously_judged(self, program: Program, entry: AnyEntry) -> list[SeenRuns]:
        """What was seen before an entry, oldest first."""
        return runs_seen(program, self.before(entry)) if self._rules_kept else []

    def past_looks(self, entry: AnyEntry) -> LooksMade:
        """How the verdicts before an entry came to their bounds."""
        return past_looks(self.before(entry))

    def earlier(self, entry: JudgedEntry) -> dict[str, Verdict]:
        """Phase -> the verdicts before a recorded verdict or decision, in the order in which they were given.

        Where no decision says which they were, they are the latest ones at its fidelity.
        """
        record = entry.record
        decision = record if isinstance(record, Decision) else self._decided.get(record.id)
        if decision is not None and decision.inputs is not None:
            verdicts = [self.verdicts[i] for i in decision.inputs.verdicts if i in self.verdicts]
            return {verdict.phase: verdict for verdict in verdicts}
        here = [e.record for e in entries_of(self.before(entry), Verdict)]
        return {v.phase: v for v in here if v.fidelity == record.fidelity and v.phase != record.phase}

    def run(self, run_id: str, phase: str, arm: str) -> Run | None:
        """A finished run, as it was read for that phase and arm where several read it; None if it is gone."""
        candidates = self._runs.get(run_id, ())
        return max(candidates, key=lambda run: (run.arm == arm, run.phase == phase), default=None)

    def runs_of(self, phase: str, considered: Iterable[Considered]) -> dict[str, list[Run]]:
        """Arm -> the runs that were looked at and are still there, in the order of the record."""
        return {
            looked_at.arm: [
                run for i in looked_at.run_ids if (run := self.run(i, phase, looked_at.arm)) is not None
            ]
            for looked_at in considered
        }
