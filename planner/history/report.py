"""A judged history as text and as JSON."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from typing import Any

from planner.history.judged import JudgedArm, JudgedHistory
from planner.text.html import card, items, table
from planner.text.numbers import number

_HEAD = ("arm", "runs", "mean", "95% interval", "difference", "interval", "answer")
_DIGITS = 4
_LONGEST_NAME = 60


def as_json(judged: JudgedHistory) -> dict[str, Any]:
    """The object of ``judge --json``."""
    question, family = judged.question, judged.family
    return {
        "schema": "phasegate.judge/1",
        "store": judged.store,
        "metric": question.metric,
        "better": judged.better,
        "baseline": judged.baseline,
        "paired": judged.paired,
        "family": {"size": family.size, "alpha": family.alpha, "method": family.method},
        "arms": [_arm_json(judged, arm) for arm in judged.arms],
        "caveats": list(judged.caveats),
        "left_out": [{"run_id": one.run_id, "why": one.why} for one in judged.left_out],
    }


def _arm_json(judged: JudgedHistory, arm: JudgedArm) -> dict[str, Any]:
    compared = arm.comparison
    answer = compared.answer if compared else "baseline" if arm.name == judged.baseline else None
    return {
        "name": arm.name,
        "params": dict(arm.params),
        "n": arm.n,
        "mean": arm.mean,
        "interval": list(arm.interval) if arm.interval else None,
        "difference": compared.difference if compared else None,
        "difference_interval": list(compared.interval) if compared and compared.interval else None,
        "answer": answer,
        "paired": compared.paired if compared else None,
        "n_to_decide": compared.n_to_decide if compared else None,
        "note": compared.note if compared else "",
        "confounds": [{"param": c.param, "here": c.here, "baseline": c.there} for c in arm.confounds],
        "run_ids": list(arm.run_ids),
    }


def as_lines(judged: JudgedHistory, most_arms: int | None = None) -> Iterator[str]:
    """A table of arms, what the answers rest on, and what was found wrong.

    Args:
        most_arms: that are shown; None for all.
    """
    question = judged.question
    runs = sum(arm.n for arm in judged.arms)
    yield (
        f"{judged.store}: {question.metric}, {judged.better} is better; "
        f"{_counted(runs, 'run')} in {_counted(len(judged.arms), 'arm')}"
    )
    yield ""
    shown = judged.arms[:most_arms]
    yield from _table([_HEAD, *(_cells(judged, arm) for arm in shown)])
    if len(shown) < len(judged.arms):
        yield f"... and {_counted(len(judged.arms) - len(shown), 'arm')} more (--json has all)"
    yield ""
    yield from _error_lines(judged)
    yield from (f"! {caveat}" for caveat in judged.caveats)
    yield from _left_out_lines(judged)


def _error_lines(judged: JudgedHistory) -> Iterator[str]:
    family = judged.family
    if family.size:
        among = f"among {_counted(family.size, 'comparison')}"
        yield f"Any wrong 'better' or 'worse' {among}: at most {family.alpha:.0%} ({family.method})."
        if judged.question.least_effect is not None:
            yield f"Differences below {number(judged.question.least_effect)} do not matter (--min-effect)."


def _left_out_lines(judged: JudgedHistory) -> Iterator[str]:
    kinds = Counter(one.kind for one in judged.left_out)
    for kind, count in kinds.most_common():
        ids = [one.run_id for one in judged.left_out if one.kind == kind]
        few = ", ".join(ids[:3]) + (", ..." if count > 3 else "")
        yield f"- left out, {_counted(count, 'run')}: {kind} ({few})"


def _cells(judged: JudgedHistory, arm: JudgedArm) -> tuple[str, ...]:
    compared = arm.comparison
    own = f"[{number(arm.interval[0])}, {number(arm.interval[1])}]" if arm.interval else "-"
    name = arm.name if len(arm.name) <= _LONGEST_NAME else f"{arm.name[: _LONGEST_NAME - 3]}..."
    cells = (name, str(arm.n), number(arm.mean), own)
    if compared is None:
        return (*cells, "", "", "baseline" if arm.name == judged.baseline else "")
    between = (
        f"[{number(compared.interval[0], signed=True)}, {number(compared.interval[1], signed=True)}]"
        if compared.interval
        else ""
    )
    return (*cells, number(compared.difference, signed=True), between, _answer(arm))


def _answer(arm: JudgedArm) -> str:
    compared = arm.comparison
    if compared is None:
        return ""
    notes = [compared.note] if compared.note else []
    if compared.n_to_decide:
        notes.append(f"about {compared.n_to_decide} runs of the smaller arm would decide")
    if arm.confounds:
        names = [confound.param for confound in arm.confounds]
        more = f" and {len(names) - 2} more" if len(names) > 2 else ""
        notes.append(f"but {', '.join(names[:2])}{more} {'differs' if len(names) == 1 else 'differ'} too")
    return f"{compared.answer}{': ' if notes else ''}{'; '.join(notes)}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count:,} {what}s"


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def as_csv(judged: JudgedHistory) -> str:
    """A row for each arm, with every digit."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    ends = ("mean_low", "mean_high", "difference", "difference_low", "difference_high")
    writer.writerow(("arm", "n", "mean", *ends, "answer", "n_to_decide", "note"))
    for arm in (_arm_json(judged, arm) for arm in judged.arms):
        intervals = [
            *(arm["interval"] or ("", "")),
            arm["difference"],
            *(arm["difference_interval"] or ("", "")),
        ]
        row = (arm["name"], arm["n"], arm["mean"], *intervals, arm["answer"], arm["n_to_decide"], arm["note"])
        writer.writerow(["" if cell is None else cell for cell in row])
    return text.getvalue()


def as_html(judged: JudgedHistory) -> str:
    """A page of its own."""
    question = judged.question
    parts = [table(_HEAD, (_cells(judged, arm) for arm in judged.arms)), items("", _error_lines(judged))]
    parts += [items("to bear in mind", judged.caveats), items("left out", _left_out_lines(judged))]
    body = card(f"{judged.store}: {question.metric}, {judged.better} is better", *parts)
    head = "<!doctype html>\n<html lang='en'><meta charset='utf-8'><title>judge</title>"
    return f"{head}<body>{body}</body></html>\n"
