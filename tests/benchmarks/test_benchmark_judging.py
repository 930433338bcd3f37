"""The benchmark of judging: versions take turns at what was recorded, and its table says who was faster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks import judging_probe
from benchmarks.judging import EVIDENCE, RESULTS, results_of, table
from benchmarks.judging_probe import Planner, digests, judge_all, located, read

PROGRAMS = {"contrastive_retrieval", "credit_linesearch", "ep_contraction", "gated_ctr", "span_multitask"}


class FakeProbe:
    """Answers what it was given, and notes when it was asked."""

    def __init__(self, name: str, seconds: Iterator[float], turns: list[str], verdicts: str = "v") -> None:
        self.name, self.turns = name, turns
        self._seconds, self._verdicts = seconds, verdicts

    def ask(self, question: str) -> dict[str, Any]:
        if question == "verdicts":
            return {"one": self._verdicts}
        self.turns.append(self.name)
        spent = next(self._seconds)
        return {"one": spent, "two": 2 * spent}


def fakes(turns: list[str], before: str = "v") -> dict[str, FakeProbe]:
    here = FakeProbe("here", iter([9.0, 1.0, 2.0, 1.0]), turns)
    return {"here": here, "before": FakeProbe("before", iter([9.0, 4.0, 5.0, 3.0]), turns, before)}


def test_versions_take_turns_and_the_first_turn_does_not_count() -> None:
    turns: list[str] = []
    results = results_of(fakes(turns), repetitions=3)
    assert turns == ["here", "before"] * 4
    one, _, both = results["programs"]
    assert one["here"] == {"min": 1.0, "median": 1.0, "max": 2.0}
    assert one["before"] == {"min": 3.0, "median": 4.0, "max": 5.0}
    assert (one["times_faster"], both["program"], both["here"]["max"]) == (4.0, "all", 6.0)


@pytest.mark.parametrize(("before", "said"), [("v", "the same, byte for byte"), ("w", "NOT the same")])
def test_the_table_says_whether_both_versions_judge_alike(before: str, said: str) -> None:
    lines = list(table(results_of(fakes([], before), repetitions=3)))
    assert lines[1].split() == [
        "one",
        "1.000",
        "(1.000",
        "to",
        "2.000)",
        "4.000",
        "(3.000",
        "to",
        "5.000)",
        "4.00",
    ]
    assert lines[-1] == f"verdicts: {said}"


def test_a_version_alone_is_compared_with_none() -> None:
    probes = {"here": fakes([])["here"]}
    lines = list(table(results_of(probes, repetitions=3)))
    assert "faster" not in lines[0]
    assert [line.split()[0] for line in lines[1:]] == ["one", "two", "all"]


def test_everything_that_was_recorded_is_judged_and_timed() -> None:
    planner = Planner()
    recorded = read(EVIDENCE, planner)
    ticks = iter(range(10**6))
    judged = list(judge_all(planner, recorded, clock=lambda: float(next(ticks))))
    assert {name for name, _, _ in judged} == PROGRAMS
    assert len(judged) == len(recorded.judged)
    assert all(seconds == 1.0 for _, _, seconds in judged)
    assert all(verdict.run_ids and verdict.fidelity == "standard" for _, verdict, _ in judged)
    assert max(verdict.seeds for _, verdict, _ in judged) >= 6


def test_the_same_evidence_gives_the_same_verdicts_again() -> None:
    planner = Planner()
    recorded = read(EVIDENCE, planner)
    assert digests(planner, recorded) == digests(planner, recorded)


def test_what_is_called_is_looked_for_in_every_place_in_turn() -> None:
    assert located(["nowhere.at_all:f", "json:nothing", "json:dumps"]) is json.dumps
    with pytest.raises(LookupError, match=r"has none of nowhere\.at_all:f"):
        located(["nowhere.at_all:f"])
    assert all(map(located, judging_probe.PLACES.values()))


def test_the_committed_results_judge_alike_and_at_least_three_times_faster() -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert results["same_verdicts"]
    assert {row["program"] for row in results["programs"]} == {*PROGRAMS, "all"}
    assert results["programs"][-1]["times_faster"] >= 3
