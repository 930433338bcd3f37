"""``seeds: [42, 123, 7]``: the seeds that are made first, by name."""

from __future__ import annotations

from typing import Any

import pytest

from planner.errors import ProgramError
from planner.language.program import Program, build
from tests.support.worlds import own_run, recall_of, small


def with_seeds(seeds: object = None, of_phase: object = None) -> Program:
    raw: dict[str, Any] = small().model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude_defaults=True
    )
    raw.update({} if seeds is None else {"seeds": seeds})
    if of_phase is not None:
        raw["phases"]["first"]["seeds"] = of_phase
    return build(raw)


def seeds_made(program: Program, count: int, phase: str = "first", runs: Any = ()) -> list[int]:
    missing = recall_of(program, runs).missing(phase, "standard", {"base": count, "new": count})
    base, new = (sorted(run.seed for run in missing if run.arm == arm) for arm in ("base", "new"))
    assert base == new
    return base


def test_the_seeds_of_a_program_are_made_first_then_the_lowest_others() -> None:
    program = with_seeds([42, 0, 7])
    assert seeds_made(program, 2) == [0, 42]
    assert seeds_made(program, 3) == [0, 7, 42]
    assert seeds_made(program, 5) == [0, 1, 2, 7, 42]


def test_those_of_a_phase_come_before_those_of_the_program_and_are_asked_for_all() -> None:
    program = with_seeds([42], of_phase=[123, 7, 5, 9])
    assert program.phases["first"].least_seeds == 4
    assert seeds_made(program, 4) == [5, 7, 9, 123]


def test_a_seed_that_failed_for_good_is_replaced_by_one_that_was_not_named() -> None:
    program = with_seeds([42, 123, 7])
    runs = [own_run(program, "first", "new", 42, "code_error")]
    assert seeds_made(program, 3, runs=runs) == [0, 7, 123]


def test_a_number_is_as_before_the_least_number_of_seeds() -> None:
    program = with_seeds(of_phase=4)
    assert program.phases["first"].least_seeds == 4
    assert seeds_made(program, 4) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("seeds", "wrong"),
    [
        ([7, 7], "7 stands there twice"),
        ([], "at least 1"),
        ([-1], "greater than or equal to 0"),
        ([2**32], "less"),
    ],
)
@pytest.mark.parametrize("where", ["seeds", "of_phase"])
def test_seeds_that_no_generator_takes_are_refused(seeds: list[int], wrong: str, where: str) -> None:
    with pytest.raises(ProgramError, match=wrong):
        with_seeds(**{where: seeds})


@pytest.mark.parametrize(
    ("seeds", "wrong"),
    [(0, "greater than or equal to 1"), ("three", "a valid integer"), (1.5, "a valid integer")],
)
def test_a_phase_needs_a_number_or_a_list(seeds: object, wrong: str) -> None:
    with pytest.raises(ProgramError, match=wrong) as refused:
        with_seeds(of_phase=seeds)
    assert str(refused.value).startswith("phases.first.seeds: ")
