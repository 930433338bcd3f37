"""What a person is told to type where a program waits."""

from __future__ import annotations

import pytest

from planner.deciding.next_command import commands_after
from tests.support.hand_made import decision, make_program, verdict


@pytest.mark.parametrize(
    ("fidelity", "words"), [("standard", "--accept"), ("smoke", "--accept --fidelity smoke")]
)
def test_a_wait_for_approval_is_accepted_at_the_fidelity_at_which_it_waits(fidelity: str, words: str) -> None:
    waits = decision("late", "wait", choice="retry", needs_person="to_approve", fidelity=fidelity)
    assert commands_after(make_program(), waits, None) == [f"phasegate advance study {words}"]


def test_where_no_run_worked_advance_tries_again_and_no_option_is_offered() -> None:
    waits = decision("late", "wait", needs_person="to_act")
    none_worked = verdict("late", "blocked", cause="infrastructure", run_ids=())
    first, second, last = commands_after(make_program(), waits, none_worked)
    assert first == "phasegate advance study"
    assert second == "phasegate retry study --reason TEXT"
    assert last.endswith("--choose stop --reason TEXT")
