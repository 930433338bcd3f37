"""Answers about a program that are worked out once: a program never changes."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from planner.language.program import Program

Answer = TypeVar("Answer")


def once_for_each_program(work_out: Callable[[Program], Answer]) -> Callable[[Program], Answer]:
    """The function, which works an answer out once for each program, and forgets it with the program.

    Callers leave the answer as it is: the next one gets the same object.
    """
    answers: dict[int, tuple[weakref.ref[Program], Answer]] = {}

    @wraps(work_out)
    def answer(program: Program) -> Answer:
        key = id(program)  # a program holds mappings and has no hash
        if key not in answers:
            answers[key] = weakref.ref(program, lambda _: answers.pop(key, None)), work_out(program)
        return answers[key][1]

    return answer
