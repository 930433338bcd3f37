"""A program that asks of a history what ``judge`` asked of it: to be kept, changed and judged again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from planner.errors import UsageError
from planner.history.judged import JudgedArm, JudgedHistory
from planner.history.logged_run import run_id_in
from planner.language.types import LOGGED_NAME

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.\-]+")
_LONGEST_NAME = 60
_EVERY_OUTCOME = ("pass", "fail", "inconclusive", "invalid")


def program_from(judged: JudgedHistory, name: str, store: str, experiments: Sequence[str]) -> dict[str, Any]:
    """The keys of a program with one phase for each comparison.

    The gate asks whether the arm is better; that it is not, at the same rate, says that it is worse. The runs
    were seen, so that verdicts on them are post hoc.

    Args:
        store: as the program names it.
        experiments: whose runs were judged; none for all.

    Raises:
        UsageError: nothing was compared, or a name is none that a program can hold.
    """
    baseline = next((arm for arm in judged.arms if arm.name == judged.baseline), None)
    compared = [arm for arm in judged.arms if arm.comparison is not None]
    if baseline is None or not compared:
        raise UsageError("there is nothing to adopt: no two arms are compared (name another --baseline)")
    _refuse_unwritable([judged.question.metric, *baseline.params])
    names = _names([_short(arm) for arm in judged.arms], [arm.name for arm in judged.arms])
    error = judged.family.alpha / 2
    return {
        "program": name,
        "question": f"Which arm is better in {judged.question.metric}?",
        "source": f"runs of {judged.store}",
        "evidence": [_source(judged, store, experiments, baseline)],
        "metrics": {judged.question.metric: {"unit": "as logged", "better": judged.better}},
        "arms": {names[arm.name]: _params(arm) for arm in judged.arms},
        "budget": {
            "false_pass": error,
            "gates": max(judged.family.size, 1),
            "false_fail": error / max(judged.family.size, 1),
        },
        "phases": _phases(judged, baseline, compared, names),
        "seen_runs": {"ids": sorted(run_id_in(store, run) for arm in judged.arms for run in arm.run_ids)},
    }


def _refuse_unwritable(names: Sequence[str]) -> None:
    for name in names:
        if not re.fullmatch(LOGGED_NAME, name):
            raise UsageError(f"a program cannot hold the name {name!r}; rename it where it is logged")


def _short(arm: JudgedArm) -> str:
    """An arm's one setting, or its name."""
    values = [value for value in arm.params.values() if value is not None]
    return values[0] if len(arm.params) == 1 and values else arm.name


def _names(texts: Sequence[str], keys: Sequence[str]) -> dict[str, str]:
    """Key -> a name that a program takes, made of a text; each another one."""
    names: dict[str, str] = {}
    for text, key in zip(texts, keys, strict=True):
        plain = _NOT_IN_NAMES.sub("_", text.replace("=", "_")).strip("_.-")[:_LONGEST_NAME] or "arm"
        name, number = plain, 2
        while name in names.values():
            name, number = f"{plain}_{number}", number + 1
        names[key] = name
    return names


def _source(
    judged: JudgedHistory, store: str, experiments: Sequence[str], baseline: JudgedArm
) -> dict[str, Any]:
    question = judged.question
    stated = {
        "store": store,
        "experiments": list(experiments),
        "where": question.where,
        "arms_by": list(baseline.params),
        "seed_from": question.seed_from,
    }
    return {key: value for key, value in stated.items() if value}


def _params(arm: JudgedArm) -> dict[str, Any]:
    """The settings of an arm as numbers, words and lists; what it did not log is left out."""
    return {name: _plain(text) for name, text in arm.params.items() if text is not None}


def _plain(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(value, Mapping) else value


def _phases(
    judged: JudgedHistory, baseline: JudgedArm, compared: Sequence[JudgedArm], names: Mapping[str, str]
) -> dict[str, Any]:
    phases = {}
    texts = [f"{names[arm.name]}_against_{names[baseline.name]}" for arm in compared]
    ordered = list(_names(texts, texts).values())
    for i, (arm, phase) in enumerate(zip(compared, ordered, strict=True)):
        after = ordered[i + 1] if i + 1 < len(ordered) else "stop"
        phases[phase] = {
            "question": f"Is {names[arm.name]} better than {names[baseline.name]}?",
            "arms": [names[arm.name], names[baseline.name]],
            "factor": list(baseline.params),
            "criteria": {"better": _criterion(judged, names[arm.name], names[baseline.name])},
            "gate": ["better"],
            "next": dict.fromkeys(_EVERY_OUTCOME, after),
        }
    return phases


def _criterion(judged: JudgedHistory, arm: str, baseline: str) -> dict[str, Any]:
    criterion: dict[str, Any] = {"metric": judged.question.metric, "arm": arm, "versus": baseline}
    if judged.question.least_effect is not None:
        return {**criterion, "better_by": judged.question.least_effect}
    return {**criterion, "above" if judged.better == "higher" else "below": 0.0}
