"""The error budget of a program: how often its gates may pass although nothing is true, and who spends it.

Each gate has a share, and the shares add up to at most the budget, so that whatever the data the chance
of any false pass is at most their sum (Bonferroni). A gate to which nothing but the pass of another leads
costs nothing of its own: it is only judged once that share has been earned (fixed sequence, Maurer 1995;
``knowledge/sources.md``: maurer1995, bretz2009). Shares follow from the program alone, so that the order
of runs cannot move them.
"""

from __future__ import annotations

from collections.abc import Mapping

from planner.criteria.judge import gates_resting_on
from planner.language.kept_answers import once_for_each_program
from planner.language.program import ENDS, Program
from planner.language.transitions import Transition, openers, targets
from planner.records.base import Record
from planner.records.verdict import Verdict

_ON_A_PASS = Transition("next", "pass")


class AlphaShare(Record):
    """What one gate may spend.

    Attributes:
        rate: the chance of a false pass at which it is judged.
        after: the gate whose share it takes over, because only a pass of that one leads here.
        beyond: it is one gate more than the budget was planned for, so nothing is left for it.
    """

    phase: str
    rate: float
    after: str | None = None
    beyond: bool = False


class AlphaSpending(Record):
    """The budget as it stands.

    Attributes:
        budget: what the program allows.
        planned: what its gates may spend together.
        spent: what the gates judged so far have spent.
    """

    budget: float
    planned: float
    spent: float
    shares: tuple[AlphaShare, ...]

    @property
    def left(self) -> float:
        """What no gate has spent yet."""
        return self.budget - self.spent

    def of(self, phase: str) -> AlphaShare | None:
        """The share of a phase's gate."""
        return next((share for share in self.shares if share.phase == phase), None)


@once_for_each_program
def build_alpha_shares(program: Program) -> dict[str, AlphaShare]:
    """Every gate's share, in the order of the program.

    With ``budget.gates`` so many have the same; without, the k-th gate has 1/(k(k+1)) of the budget, which
    adds up to less than 1 however many there are. A phase at the end of the file changes no other's share.
    """
    planned, routes = program.budget.gates, {name: targets(program, name) for name in program.phases}
    after = _only_after(program, routes)
    own = [name for name in program.phases if not _chain_ends(name, after)]
    rank = {name: k for k, name in enumerate(own, start=1)}
    shares: dict[str, AlphaShare] = {}
    for name in program.phases:
        k = rank[_root(name, after)]
        part = 1 / planned if planned is not None else 1 / (k * (k + 1))
        shares[name] = AlphaShare(
            phase=name,
            rate=program.budget.false_pass * part,
            after=_chain_ends(name, after),
            beyond=planned is not None and k > planned,
        )
    return shares


def borrowed_rates(program: Program, phase: str) -> dict[str, float]:
    """Criterion -> its rate, where gates of other phases rest on it (``phase.criterion``).

    One false answer lets all of these gates pass: it is judged at the smallest of their shares, divided by
    their number.
    """
    borrowed = {name: gates for name, gates in gates_resting_on(program, phase).items() if gates != [phase]}
    shares = build_alpha_shares(program) if borrowed else {}
    return {name: min(shares[gate].rate for gate in gates) / len(gates) for name, gates in borrowed.items()}


def build_alpha_spending(program: Program, verdicts: Mapping[str, Verdict]) -> AlphaSpending:
    """What the gates judged so far have spent of the budget, and what all of them may."""
    shares = build_alpha_shares(program)
    own = [share for share in shares.values() if share.after is None]
    spent = [share.rate for share in own if share.phase in verdicts]
    return AlphaSpending(
        budget=program.budget.false_pass,
        planned=sum(share.rate for share in own),
        spent=sum(spent),
        shares=tuple(shares.values()),
    )


def own_gates(program: Program) -> list[str]:
    """The phases whose gates take a share of the budget for themselves."""
    return [share.phase for share in build_alpha_shares(program).values() if share.after is None]


def _only_after(program: Program, routes: Mapping[str, Mapping[Transition, str]]) -> dict[str, str | None]:
    """Phase -> the one phase whose pass alone leads there; None where anything else does.

    Args:
        routes: phase -> rule -> where it leads.
    """
    into: dict[str, list[tuple[str, Transition]]] = {}
    for name, rules in routes.items():
        for rule, target in rules.items():
            if target != name and target not in ENDS:
                into.setdefault(target, []).append((name, rule))
    passes_alone = {
        name: ways[0][0] for name, ways in into.items() if len(ways) == 1 and ways[0][1] == _ON_A_PASS
    }
    return {
        name: None if name == program.first or openers(program, name) else passes_alone.get(name)
        for name in program.phases
    }


def _chain_ends(phase: str, after: Mapping[str, str | None]) -> str | None:
    """The gate before this one in its chain; None where it begins one, a circle included."""
    seen, here = {phase}, after[phase]
    while here is not None:
        if here in seen:
            return None
        seen.add(here)
        here = after[here]
    return after[phase]


def _root(phase: str, after: Mapping[str, str | None]) -> str:
    while (parent := _chain_ends(phase, after)) is not None:
        phase = parent
    return phase
