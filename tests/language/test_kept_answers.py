"""Answers that are worked out once for each program."""

from __future__ import annotations

import gc

from planner.language.kept_answers import once_for_each_program
from planner.language.program import Program
from planner.testing import example_program


def test_an_answer_is_worked_out_once_for_each_program_and_forgotten_with_it() -> None:
    calls: list[str] = []

    @once_for_each_program
    def phases(program: Program) -> list[str]:
        calls.append(program.program)
        return list(program.phases)

    one, other = example_program(), example_program().model_copy(update={"program": "other"})
    assert phases(one) is phases(one)
    assert phases(other) == phases(one)
    assert calls == [one.program, "other"]
    del other
    gc.collect()
    third = example_program().model_copy(update={"program": "third"})
    phases(third)
    assert calls[-1] == "third"
