"""The memo: one verdict and the decision that follows, as markdown. Every number comes from a record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from planner.arithmetic import check_arithmetic
from planner.criteria.wording import around, bound_text, number, words
from planner.deltas import deltas
from planner.expectations import prediction_of, rivals_of
from planner.explain import Trace
from planner.markdown import escape
from planner.program import Program
from planner.records import CriterionResult, Decision, TableRow, Verdict
from planner.supersede import Standing

TEMPLATE = "memo.md.j2"


@dataclass(frozen=True)
class Picture:
    """A figure of a memo: its title, and the path as the memo links it."""

    title: str
    link: str


def render_memo(trace: Trace, pictures: Sequence[Picture] = (), at: str = "") -> str:
    """The memo of a judged phase.

    Args:
        trace: what is explained; its verdict must be there.
        pictures: figures to link; none for a page that cannot show them.
        at: when the verdict was recorded (ISO 8601).

    Raises:
        ValueError: the phase has not been judged.
    """
    if trace.verdict is None:
        raise ValueError(f"{trace.phase} has not been judged")
    verdict, program = trace.verdict, trace.program
    view = {
        "t": trace,
        "v": verdict,
        "d": trace.decision,
        "phase": program.phases[trace.phase],
        "program": program,
        "at": at[:10],
        "headline": headline(program, verdict, trace.standing),
        "answer": answer_line(program, verdict),
        "arms": _arms(program, verdict),
        "common": ", ".join(f"{k} {_param(v)}" for k, v in _shared(program, trace.phase).items()),
        "results": _table(program, verdict, _key_metrics(program, verdict)),
        "rest": _table(program, verdict, _other_metrics(program, verdict), short=True),
        "criteria": [_criterion(c, program, verdict) for c in verdict.criteria],
        "uneven": len({r.estimate.n for r in verdict.table}) > 1,
        "flips": list(_flips(program, verdict)),
        "supersedes": trace.supersession,
        "foretold": prediction_of(program, trace.phase, verdict),
        "rivals": rivals_of(program, trace.verdicts),
        "deltas": deltas(program, verdict, trace.verdicts, _key_metrics(program, verdict)),
        "arithmetic": check_arithmetic(program, verdict),
        "pictures": pictures,
        "runs": _runs(verdict),
        "next_step": next_step(program, trace.decision),
        "options": _options(program, trace.decision),
    }
    text: str = _environment().get_template(TEMPLATE).render(view)
    return text.strip() + "\n"


def headline(program: Program, verdict: Verdict, standing: Standing) -> str:
    """``PASS, Case D, confirmed``; what has replaced it comes behind."""
    told = [verdict.outcome.upper()]
    told += [f"cause: {verdict.cause}"] if verdict.cause else []
    told += [f"Case {verdict.case}"] if verdict.case else []
    told += [f"Tier {verdict.tier}"] if verdict.tier else []
    told += [f"hypothesis ({verdict.hypothesis})"] if verdict.hypothesis else []
    told += [verdict.confidence]
    winner = standing.superseded_by.get(verdict.phase)
    told += [f"superseded by {winner}"] if winner else []
    return ", ".join(told)


def answer_line(program: Program, verdict: Verdict) -> str:
    """The answer to the phase's question in a word, and what the row of the table means."""
    words = {
        "pass": "Yes.",
        "fail": "No.",
        "inconclusive": "Not decided.",
        "invalid": "Cannot be told: the evidence is invalid.",
        "blocked": "Not yet: the phase is blocked.",
    }
    meaning = verdict.means
    return f"{words[verdict.outcome]} {meaning[:1].upper()}{meaning[1:]}".strip() + ("." if meaning else "")


def next_step(program: Program, decision: Decision | None) -> str:
    """What happens next, in a sentence."""
    if decision is None:
        return "Nothing has been decided yet."
    if decision.action == "stop":
        return "Nothing: the program ends here."
    asked = escape(program.phases[decision.target].question) if decision.target in program.phases else ""
    if decision.action == "wait":
        waits = {"to_approve": "approves", "to_act": "acts on", "to_confirm": "decides on"}
        what = decision.choice or "the verdict"
        return f"A person {waits.get(decision.needs_person or '', 'looks at')} `{what}`. {asked}".strip()
    return f"`{decision.choice}`: {asked}"


def _arms(program: Program, verdict: Verdict) -> list[dict[str, str]]:
    rules = program.phases[verdict.phase]
    found = []
    for arm in rules.arms:
        rows = [r for r in verdict.table if r.arm == arm]
        seeds = max((r.estimate.n for r in rows), default=0)
        params = ", ".join(f"{k} {_param(v)}" for k, v in program.arms[arm].items())
        found.append({"arm": arm, "params": params, "seeds": str(seeds) if seeds else "-"})
    return found


def _shared(program: Program, phase: str) -> dict[str, Any]:
    """The parameters that all arms of a phase have in common, as the program declares them."""
    return {**program.with_, **program.phases[phase].with_}


def _param(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " and ".join(map(_param, value))
    return "none" if value is None else str(value)


def _row_conditions(program: Program, verdict: Verdict) -> list[str]:
    row = program.phases[verdict.phase].row(verdict.case or verdict.tier)
    return row.conditions if row else []


def _basic(result: CriterionResult) -> Iterable[CriterionResult]:
    if result.kind == "combined":
        for part in result.parts:
            yield from _basic(part)
    else:
        yield result


def _key_results(program: Program, verdict: Verdict) -> list[CriterionResult]:
    """The single criteria that the gate and the row that holds are made of."""
    names = dict.fromkeys([*program.phases[verdict.phase].gate, *_row_conditions(program, verdict)])
    found = [verdict.criterion(name) for name in names]
    basic = [b for result in found if result is not None for b in _basic(result)]
    return list({b.id: b for b in basic}.values())


def _key_metrics(program: Program, verdict: Verdict) -> list[str]:
    used = {c.metric for c in _key_results(program, verdict)}
    return [name for name in program.metrics if name in used]


def _other_metrics(program: Program, verdict: Verdict) -> list[str]:
    key = set(_key_metrics(program, verdict))
    return [m for m in program.metrics if m not in key and any(r.metric == m for r in verdict.table)]


def _table(program: Program, verdict: Verdict, metrics: Sequence[str], short: bool = False) -> dict[str, Any]:
    """Heads and rows of a table: one row per arm, one column per metric."""
    cells = {(r.arm, r.metric): r for r in verdict.table}
    arms = [a for a in program.phases[verdict.phase].arms if any((a, m) in cells for m in metrics)]
    heads = [f"{m} ({escape(program.metrics[m].unit)})" for m in metrics]
    rows = [[arm, *(_cell(cells.get((arm, m)), short) for m in metrics)] for arm in arms]
    return {"heads": heads, "rows": rows}


def _cell(row: TableRow | None, short: bool) -> str:
    if row is None:
        return "-"
    estimate = row.estimate
    if short or estimate.interval is None:
        return number(estimate.value, digits=3)
    low, high = estimate.interval
    around = f"[{number(low, digits=3)}, {number(high, digits=3)}]"
    return f"{number(estimate.value, digits=3)} {around}, n {estimate.n}"


def _criterion(result: CriterionResult, program: Program, verdict: Verdict) -> dict[str, str]:
    gate = {c.id for c in _key_results(program, verdict)} | set(program.phases[verdict.phase].gate)
    combined = result.kind == "combined"
    how = {"point": "point", "interval": "interval", "sequential": "sequential"}.get(
        result.treatment or "", "-"
    )
    return {
        "id": result.id,
        "outcome": words(result.outcome),
        "reason": result.reason,
        "observed": "-" if combined else number(result.observed),
        "asked": result.reason if combined else bound_text(result.bound, result.threshold),
        "margin": "-" if combined else number(result.margin, signed=True),
        "n": f"{result.n}, {how}" if result.n else "-",
        "gate": "yes" if result.id in gate else "",
    }


def _flips(program: Program, verdict: Verdict) -> Iterable[str]:
    """What would change the verdict: the flip points of the criteria that decided it."""
    for result in _key_results(program, verdict):
        if result.flips_at is not None and result.observed is not None:
            yield (
                f"`{result.id}` is {words(result.outcome)}; it no longer is where the observed "
                f"{number(result.observed)} {escape(result.unit)} becomes {number(result.flips_at)}"
            )


def _runs(verdict: Verdict) -> list[dict[str, str]]:
    found: dict[str, dict[str, int]] = {}
    for row in verdict.table:
        for (seed, _), run_id in zip(row.estimate.values, row.estimate.run_ids, strict=True):
            found.setdefault(row.arm, {})[run_id] = seed
    return [
        {"arm": arm, "ids": ", ".join(f"`{run}` (seed {seed})" for run, seed in ids.items())}
        for arm, ids in found.items()
    ]


def _options(program: Program, decision: Decision | None) -> list[dict[str, str]]:
    """The triage options that the decision weighed, the chosen one first."""
    if decision is None or ".triage." not in decision.rule:
        return []
    triage = program.phases[decision.rule.split(".triage")[0]].triage
    why = {r.choice: r.reason for r in decision.rejected}
    found = []
    for option in triage.options if triage else ():
        chosen = option.option == decision.choice
        cost = option.cost_hours
        hours = (
            f"{number(cost[0])} to {number(cost[1])} h" if isinstance(cost, tuple) else f"{number(cost)} h"
        )
        found.append(
            {
                "option": option.option,
                "chosen": "chosen" if chosen else "",
                "why": option.rationale if chosen else why.get(option.option, ""),
                "risk": option.risk or "-",
                "cost": hours,
            }
        )
    return sorted(found, key=lambda o: not o["chosen"])


@cache
def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters.update(md=escape, words=words, number=number, around=around)
    return environment
