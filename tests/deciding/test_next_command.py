"""What a person is told to type where a program waits."""

from __future__ import annotations

import pytest

from planner.deciding.next_command import commands_after
from tests.support.hand_made import decision, make_program


@pytest.mark.parametrize(
    ("fidelity", "words"), [("standard", "--accept"), ("smoke", "--accept --fidelity smoke")]
)
def test_a_wait_for_approval_is_accepted_at_the_fidelity_at_which_it_waits(fidelity: str, words: str) -> None:
    waits = decision("late", "wait", choice="retry", needs_person="to_approve", fidelity=fidelity)
    assert commands_after(make_program(), waits, "fail") == [f"phasegate advance study {words}"]
