"""What keeps the verdicts of a phase from ever being confirmed."""

from __future__ import annotations

from planner.linting.budget import only_provisional
from tests.support.builders import BETTER, HIGH, PHASE, make_program

ONE_SEED = {"seeds": 1, "budget": {"seeds_per_arm": 1}}


def test_one_seed_confirms_nothing_unless_the_program_states_that_no_seed_changes_it() -> None:
    assert "there is no interval" in only_provisional(make_program({"c": BETTER}, **ONE_SEED), PHASE)
    stated = make_program({"c": BETTER}, deterministic=["acc"], **ONE_SEED)
    assert only_provisional(stated, PHASE) == ""


def test_a_gate_that_also_reads_what_is_not_stated_deterministic_needs_its_seeds() -> None:
    beside = {"c": {**HIGH, "versus_metric": "loss"}, "d": BETTER, "both": {"all_of": ["c", "d"]}}
    program = make_program(beside, gate=["both"], deterministic=["acc"], **ONE_SEED)
    assert "there is no interval" in only_provisional(program, PHASE)
