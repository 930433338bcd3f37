"""A calibration as JSON and as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from planner.calibration.summary import Calibration, GateRow, PathRow, Rate, Tally

_HEAD = (
    "gate",
    "share",
    "false pass",
    "of it tested",
    "one untrue",
    "inconclusive",
    "false fail",
    "power",
    "runs",
)


def as_json(calibration: Calibration) -> dict[str, Any]:
    """The object of ``calibrate --json``."""
    noise = {
        m: {"paired": n.paired, "alone": n.alone, "source": n.source, "why": n.why}
        for m, n in calibration.noise.items()
    }
    body = calibration.model_dump(mode="json", exclude={"noise"})
    for row, gate in zip(body["gates"], calibration.gates, strict=True):
        worst = gate.worst
        row["within_share"] = None if gate.point or worst is None else worst.tested.against(gate.share)
    null = calibration.path.get("null")
    within = null.tested.against(calibration.false_pass) if null else None
    return {"schema": "phasegate.calibrate/1", **body, "noise": noise, "within_budget": within}


def as_text(calibration: Calibration) -> str:
    """A table of gates, the path, and what has to be known to read them."""
    parts = [_heading(calibration)]
    if calibration.path.keys() & {"stated"}:
        parts.append(
            _table([("gate", "pass", "fail", "inconclusive", "invalid", "runs"), *_stated_rows(calibration)])
        )
    else:
        parts.append(_table([_HEAD, *(_row(gate) for gate in calibration.gates)]))
    parts.append("\n".join(_path_lines(calibration)))
    parts.append("\n".join(_notes(calibration)))
    return "\n\n".join(part for part in parts if part)


def _heading(calibration: Calibration) -> str:
    heading = f"{calibration.program}: {calibration.repetitions} repetitions, seed {calibration.seed}"
    heading += f", {calibration.shape} noise"
    if "stated" in calibration.path:
        return f"{heading}, means as stated"
    return f"{heading}; thresholds are passed by {calibration.beyond:g} sd of noise where an effect is true"


def _row(gate: GateRow) -> tuple[str, ...]:
    null, effect, weakest = gate.null, gate.effect, gate.weakest
    share = (
        "not covered" if gate.point else f"{gate.share:.4f}" + (f" (of {gate.after})" if gate.after else "")
    )
    return (
        gate.phase,
        share,
        _rate(null.passed if null else None),
        _rate(null.tested if null else None, se=False),
        _rate(weakest.tested if weakest else None),
        _both(null, effect),
        _rate(effect.failed if effect else None),
        _rate(effect.passed if effect else None, se=False),
        _runs(null, effect),
    )


def _stated_rows(calibration: Calibration) -> Iterator[tuple[str, ...]]:
    for gate in calibration.gates:
        if (tally := gate.stated) is not None:
            shares = (tally.passed, tally.failed, tally.inconclusive, tally.invalid)
            yield (gate.phase, *map(_rate, shares), f"{tally.runs:.1f} (90%: {tally.runs_90:.0f})")


def _rate(rate: Rate | None, se: bool = True) -> str:
    if rate is None:
        return "-"
    return f"{rate.rate:.3f} ± {rate.se:.3f}" if se else f"{rate.rate:.3f}"


def _both(null: Tally | None, effect: Tally | None) -> str:
    return " / ".join(f"{t.inconclusive.rate:.2f}" if t else "-" for t in (null, effect))


def _runs(null: Tally | None, effect: Tally | None) -> str:
    return " / ".join(f"{t.runs:.1f} ({t.runs_90:.0f})" if t else "-" for t in (null, effect))


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def _path_lines(calibration: Calibration) -> Iterator[str]:
    for scenario, row in calibration.path.items():
        reached = ", ".join(f"{phase} {share:.2f}" for phase, share in row.reached.items() if share)
        ends = ", ".join(f"{state} {share:.2f}" for state, share in row.ends.items())
        runs = f"{row.runs:.1f} runs (90%: {row.runs_90:.0f})"
        yield f"along the path, {_SCENARIOS[scenario]}: {runs}; ends {ends}"
        if scenario == "null":
            yield from _any_false_pass(calibration, row)
        else:
            passes = ", ".join(f"{phase} {share:.2f}" for phase, share in row.passes.items() if share)
            yield f"  passes: {passes or 'none'}"
        yield f"  reached: {reached}"


_SCENARIOS = {"null": "nothing true", "effect": "everything true", "stated": "means as stated"}


def _any_false_pass(calibration: Calibration, row: PathRow) -> Iterator[str]:
    rate, words = (
        row.tested,
        {"within": "within it", "above": "ABOVE it", "open": "too few repetitions to say"},
    )
    rate_text = f"{rate.rate:.4f} ± {rate.se:.4f} (95%: {rate.low:.4f} to {rate.high:.4f})"
    budget = calibration.false_pass
    yield f"  any false pass: {rate_text}, budget {budget:g}: {words[rate.against(budget)]}"
    yield f"  of it confirmed {row.confirmed.rate:.4f}; with those at point value {row.passed.rate:.4f}"


def _notes(calibration: Calibration) -> Iterator[str]:
    point = [gate.phase for gate in calibration.gates if gate.point]
    if point:
        yield (
            f"point gates ({', '.join(point)}): judged at the value itself, so that chance passes each "
            "criterion every other time where it is just untrue; the error budget does not cover them"
        )
    for gate in calibration.gates:
        worst = gate.worst
        if worst is not None and not gate.point and worst.tested.against(gate.share) == "above":
            rate_text = f"passes falsely {_rate(worst.tested)}, share {gate.share:.4f}"
            yield f"ABOVE ITS SHARE: {gate.phase} {rate_text}"
        for scenario, why in gate.not_simulated.items():
            yield f"not simulated: {gate.phase}, {_SCENARIOS.get(scenario, scenario)}: {why}"
    for scenario, row in calibration.path.items():
        for phase, why in row.not_placed.items():
            yield f"not simulated: {phase} along the path, {_SCENARIOS[scenario]}: {why}"
    assumed = [f"{m} {n.paired:.4g}" for m, n in calibration.noise.items() if n.source == "assumed"]
    if assumed:
        yield f"noise is assumed, not measured (say it with --noise METRIC=SD): {', '.join(assumed)}"
    if "stated" not in calibration.path:
        yield "a / b: nothing true / everything true; runs: mean (90% quantile)"
