"""``explain --why-not`` and ``--what-if`` over the command line, on a small home."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from planner.io.programs.loader import load_program
from tests.support.cli_schemas import assert_fits
from tests.support.small_homes import QUICK, cli_here, contents, make_home

FIRST = ("explain", "quick", "--phase", "first")
TWELVE_PLANNED = QUICK.replace("seeds_per_arm: 3", "seeds_per_arm: 12")
"""With so many seeds planned, three are an early look that can answer either way, or not yet."""


@pytest.fixture(scope="module")
def first_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose first phase is judged; not to be written to."""
    home = make_home(tmp_path_factory.mktemp("first") / "a home", TWELVE_PLANNED)
    assert cli_here("advance", "quick", "--until", "first", "--jobs", "1", home=home).code == 0
    return home


def test_explain_says_what_was_near_what_would_flip_it_and_what_it_may_err(first_home: Path) -> None:
    reply = cli_here(*FIRST, "--json", home=first_home)
    assert_fits(reply.json, "explain")
    (criterion,) = reply.json["criteria"]
    assert [turn["flips_to"] for turn in criterion["turns"]] == ["undecided", "met"]
    assert criterion["turns"][1]["decision"] == {"action": "stop", "choice": None, "target": None}
    assert {r["rule"] for r in reply.json["rules"] if r["fired"]} >= {"first.cases.down", "first.next.down"}
    assert reply.json["cheapest_flip"]["experiment"]["phase"] == "second"
    assert reply.json["error_budget"]["share"] == 0.025
    text = cli_here(*FIRST, home=first_home).out
    assert "cases.up" in text
    assert "error budget: this gate may pass falsely with probability 0.025; the gates judged" in text


def test_why_not_tells_the_smallest_change(first_home: Path) -> None:
    reply = cli_here(*FIRST, "--why-not", "up", "--json", home=first_home)
    why_not = reply.json["why_not"]
    assert (why_not["phase"], why_not["failed"]["criterion"]) == ("first", "higher")
    assert (why_not["smallest"]["arm"], why_not["smallest"]["metric"]) == ("worse", "score")
    assert "smallest change: higher from" in cli_here(*FIRST, "--why-not", "up", home=first_home).out
    unknown = cli_here(*FIRST, "--why-not", "sideways", home=first_home)
    assert (unknown.code, unknown.out) == (2, "")
    assert "turn_round" in unknown.err


def test_a_value_past_the_flip_point_flips_the_decision_and_nothing_is_written(first_home: Path) -> None:
    before = contents(first_home)
    explained = cli_here(*FIRST, "--json", home=first_home).json
    turn = explained["criteria"][0]["turns"][1]
    mean = next(row for row in means(first_home, explained) if row[0] == turn["arm"])[1]
    distance = turn["flips_at"] - explained["criteria"][0]["observed"]
    for share, outcome in ((0.99, "inconclusive"), (1.01, turn["verdict"]["outcome"])):
        supposed = f"{turn['arm']}.{turn['metric']}={mean + share * distance}"
        reply = cli_here(*FIRST, "--what-if", supposed, "--json", home=first_home).json
        assert reply["what_if"]["before"]["outcome"] == explained["verdict"]["outcome"]
        assert reply["what_if"]["after"]["outcome"] == outcome
    uncited = cli_here(*FIRST, "--what-if", f"{turn['arm']}.loss=1000", "--json", home=first_home).json[
        "what_if"
    ]
    assert uncited["after"] == uncited["before"]
    assert uncited["changed_criteria"] == []
    assert contents(first_home) == before


def means(home: Path, explained: dict) -> list[tuple[str, float]]:
    """(arm, mean score now), as ``--what-if`` tells it."""
    supposed = cli_here(*FIRST, "--what-if", "worse.score=0", "--json", home=home).json["what_if"]
    return [(one["arm"], one["observed"]) for one in supposed["given"]]


@pytest.mark.parametrize("given", ["worse.score", "nobody.score=1", "worse.colour=1", "worse.score=much"])
def test_what_cannot_be_supposed_is_wrong_usage(judged_home: Path, given: str) -> None:
    reply = cli_here(*FIRST, "--what-if", given, home=judged_home)
    assert (reply.code, reply.out) == (2, "")


def test_moved_goalposts_are_shown_with_the_old_and_the_new_rule(own_home: Path) -> None:
    path = own_home / "knowledge" / "programs" / "quick.yaml"
    path.write_text(path.read_text().replace("better_by: 0.2", "better_by: 0.1"))
    assert load_program(path).phases["first"].criteria["higher"].better_by == 0.1
    assert cli_here("advance", "quick", "--no-run", "--json", home=own_home).code == 0
    reply = cli_here(*FIRST, "--json", home=own_home).json
    (change,) = reply["rule_changes"]
    assert (change["path"], change["old"], change["new"]) == ("phase.criteria.higher.better_by", 0.2, 0.1)
    assert change["since"]
    assert reply["verdict"]["post_hoc"]
    assert "  phase.criteria.higher.better_by: 0.2 -> 0.1" in cli_here(*FIRST, home=own_home).out
    memo = cli_here("memo", "quick", "first", home=own_home).out
    section = memo.split("## Rules changed")[1].split("\n## ")[0]
    assert "0.2" in section
    assert "Error budget: this gate may pass falsely" in memo


def test_a_program_that_is_not_judged_yet_has_nothing_to_flip(fresh_home: Callable[..., Path]) -> None:
    home = fresh_home(QUICK)
    reply = cli_here("explain", "quick", "--json", home=home).json
    assert (reply["rules"], reply["cheapest_flip"]["experiment"]) == ([], None)
    assert cli_here("explain", "quick", "--why-not", "stop", home=home).code == 0
